// limit: memory=48
// ends: kill oom
// why: 20 objects that share each other are a million when written.
fn(() => {
  let value = {};
  for (let i = 0; i < 20; i++) value = { a: value, b: value };
  const kept = [];
  while (true) kept.push(JSON.stringify(value));
});
