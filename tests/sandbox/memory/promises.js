// limit: memory=48
// ends: kill oom
// why: a chain of promises that waits for its first.
fn(() => {
  let promise = new Promise(() => {});
  const kept = [];
  while (true) kept.push((promise = promise.then((value) => value)));
});
