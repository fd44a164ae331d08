// limit: memory=64 step=300
// ends: kill timeout | kill oom
// why: replaceAll in a loop over its own result.
fn(() => {
  let text = "aa".repeat(100_000);
  while (true) text = text.replaceAll("a", "b").replaceAll("b", "a");
});
