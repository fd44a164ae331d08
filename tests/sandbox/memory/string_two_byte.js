// limit: memory=48
// ends: kill oom
// why: two-byte characters double what the length says.
fn(() => {
  const kept = [];
  for (let i = 0; ; i++) kept.push(`${i}${"\u{1F600}".repeat(100_000)}`.toUpperCase());
});
