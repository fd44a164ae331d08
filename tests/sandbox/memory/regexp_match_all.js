// limit: memory=48
// ends: kill oom
// why: each match carries its input, its groups and their indices.
fn(() => {
  const text = "a1".repeat(1_000_000);
  return { count: [...text.matchAll(/(?<letter>a)(?<digit>1)/dg)].length };
});
