// limit: memory=48 step=3000
// ends: kill oom
// why: what TextEncoder gives is memory that the host allocated.
fn(() => {
  const text = "x".repeat(1 << 20);
  const kept = [];
  for (let i = 0; i < 600; i++) kept.push(new TextEncoder().encode(text));
  return { count: kept.length };
});
