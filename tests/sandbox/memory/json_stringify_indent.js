// limit: memory=48
// ends: kill oom | fail RuntimeError
// why: indentation makes the text of a nested array quadratic. (V8 refuses the length of the text if it gets there first.)
fn(() => {
  let value = [];
  for (let i = 0; i < 2000; i++) value = [value, value.length];
  const kept = [];
  while (true) kept.push(JSON.stringify(value, null, 10));
});
