// limit: memory=48 step=3000
// ends: kill oom
// why: join() writes 256 MB at once.
fn(() => {
  const part = "x".repeat(1 << 16);
  return { length: new Array(4096).fill(part).join("").length };
});
