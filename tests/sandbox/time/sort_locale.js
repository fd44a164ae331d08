// limit: memory=64 step=300
// ends: kill timeout
// why: a comparison by ICU for each pair.
fn(() => {
  const all = Array.from({ length: 100_000 }, (_, i) => `\u00E9${(i * 7919) % 100_003}`);
  while (true) all.sort((a, b) => a.localeCompare(b, "sv"));
});
