// limit: memory=64 step=300
// ends: kill timeout
// why: replaceAll calls a function for each match, and each match is short.
fn(() => {
  const text = "ab".repeat(1_000_000);
  while (true) text.replaceAll(/a/g, () => "c");
});
