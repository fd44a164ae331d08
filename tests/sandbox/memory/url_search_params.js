// limit: memory=48
// ends: kill oom
// why: the parser of URLs is the host's.
fn(() => {
  const kept = [];
  const text = "a=b&".repeat(100_000);
  while (true) kept.push(new URLSearchParams(text));
});
