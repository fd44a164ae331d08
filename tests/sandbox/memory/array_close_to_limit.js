// limit: memory=48
// ends: kill oom
// why: large arrays that bring the heap to just below its limit, then small ones (isolated-vm array-close-to-limit).
fn(() => {
  const kept = [];
  for (let i = 0; i < 7; i++) kept.push(new Array(1 << 20).fill(1.5));
  while (true) kept.push([kept.length, 1.5]);
});
