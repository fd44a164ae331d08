// limit: memory=48
// ends: kill oom
// why: one expression that allocates much more than the limit, element by element, inside one builtin.
fn(() => {
  const large = new Array(1_000_000).fill(1.5);
  const kept = [];
  while (true) kept.push([...large, ...large, ...large, ...large]);
});
