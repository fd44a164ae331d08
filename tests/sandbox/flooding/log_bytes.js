// limit: memory=64 step=500
// ends: kill timeout | success
// why: few lines of 1 MB each: a rate has to count bytes and not lines.
fn(() => {
  const line = "x".repeat(1 << 20);
  while (true) console.log(line);
});
