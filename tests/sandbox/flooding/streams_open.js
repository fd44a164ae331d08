// limit: memory=64 step=3000
// ends: kill oom | kill timeout | fail RuntimeError
// why: streams without a number. (A limit on their number would be an error.)
fn(() => {
  const kept = [];
  while (true) kept.push(new TransformStream());
});
