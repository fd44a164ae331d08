// limit: memory=48
// ends: kill oom
// why: closures that keep their contexts.
fn(() => {
  const kept = [];
  for (let i = 0; ; i++) {
    const large = new Array(100).fill(i);
    kept.push(() => large);
  }
});
