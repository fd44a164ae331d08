// limit: memory=48
// ends: kill oom
// why: Promise.all over a promise that is told to everybody.
fn(async () => {
  const never = new Promise(() => {});
  const kept = [];
  while (true) kept.push(Promise.all(new Array(1000).fill(never)));
});
