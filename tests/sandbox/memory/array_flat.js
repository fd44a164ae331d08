// limit: memory=48
// ends: kill oom
// why: flat() multiplies what is shared: 400 times the same 100,000 elements.
fn(() => {
  const inner = new Array(100_000).fill(0);
  return { data: new Array(400).fill(inner).flat() };
});
