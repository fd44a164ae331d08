// limit: memory=48
// ends: kill oom
// why: arrays that are all hole take their length at once.
fn(() => {
  const kept = [];
  while (true) kept.push(new Array(1 << 20));
});
