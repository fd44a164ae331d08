// limit: memory=48
// ends: kill oom
// why: slice() allocates without a constructor call of the job's.
fn(() => {
  const kept = [new ArrayBuffer(1 << 22)];
  while (true) kept.push(kept[0].slice(0));
});
