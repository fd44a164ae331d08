// limit: memory=64 step=300
// ends: kill timeout
// why: the same with await.
fn(async () => {
  while (true) await null;
});
