// ends: success
// why: one call with a hundred thousand lines in it is one event.
fn(() => {
  console.log("\n".repeat(100_000));
  console.error("\r\n\u2028\u2029\u0085".repeat(1000));
  return { ok: true };
});
