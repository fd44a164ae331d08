// ends: success
// output: {"ok":true}
// why: delays that are no numbers, negative, endless or too large for 32 bits.
fn(async () => {
  await Promise.all([NaN, -1, -Infinity, "1", null, undefined, 0.5, 2 ** 32, 1n ? 1 : 0].map((delay) => new Promise((resolve) => {
    try {
      setTimeout(resolve, delay);
    } catch {
      resolve();
    }
    setTimeout(resolve, 50);
  })));
  for (const id of [NaN, -1, {}, "x", null, undefined, 2 ** 53, 1e9]) {
    try {
      clearTimeout(id);
      clearInterval(id);
    } catch {
      continue;
    }
  }
  return { ok: true };
});
