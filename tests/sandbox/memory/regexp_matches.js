// limit: memory=48
// ends: kill oom
// why: match arrays are filled inside one builtin.
fn(() => {
  const kept = [];
  for (let i = 0; ; i++) kept.push(`${i}${"ab".repeat(1_000_000)}`.match(/a/g));
});
