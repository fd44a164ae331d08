// limit: memory=48
// ends: kill oom
// why: slices of slices of a Blob are objects of the host's.
fn(() => {
  let blob = new Blob(["x".repeat(1000)]);
  const kept = [];
  while (true) kept.push(blob.slice(1, 5));
});
