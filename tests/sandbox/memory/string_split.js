// limit: memory=48
// ends: kill oom
// why: split makes one element of each character, inside one builtin.
fn(() => {
  const kept = [];
  for (let i = 0; ; i++) kept.push(`${i}${"ab".repeat(1_000_000)}`.split("a"));
});
