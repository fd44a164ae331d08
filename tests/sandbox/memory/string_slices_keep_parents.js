// limit: memory=48
// ends: kill oom
// why: a slice of 20 characters keeps its whole parent alive.
fn(() => {
  const kept = [];
  for (let i = 0; ; i++) kept.push(`${i}${"abc".repeat(100_000)}`.slice(5, 25).slice(1));
});
