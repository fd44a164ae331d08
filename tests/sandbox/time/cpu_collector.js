// limit: memory=200 step=5000 cpu=300
// ends: kill cpu
// why: the collector's threads work for the run as well; a job that only makes garbage must not be free of charge.
fn(() => {
  let kept = [];
  for (let i = 0; ; i++) {
    kept.push(new Array(100).fill(i));
    if (i % 10_000 === 0) kept = [];
  }
});
