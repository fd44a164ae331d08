// ends: fail JobError
// why: PBKDF2 of two gigabits, on threads that nothing stops.
fn(async () => {
  const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]);
  return await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(8), iterations: 1000 }, key, 2 ** 31 - 8);
});
