// limit: memory=48
// ends: kill oom
// why: a WeakRef keeps its target alive until the turn ends, which this one never does.
fn(() => {
  const kept = [];
  while (true) kept.push(new WeakRef({ large: new Array(10) }));
});
