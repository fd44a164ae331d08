// limit: memory=48
// ends: kill oom
// why: long URLs, parsed by the host.
fn(() => {
  const kept = [];
  for (let i = 0; ; i++) kept.push(new URL(`https://example.org/${"x".repeat(100_000)}?${i}`));
});
