// limit: memory=48
// ends: kill oom | fail RuntimeError
// why: BigInts of 8 MB each. (V8 refuses one over 2^30 bits.)
fn(() => {
  const kept = [];
  for (let i = 0n; ; i++) kept.push((1n << 64_000_000n) + i);
});
