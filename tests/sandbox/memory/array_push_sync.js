// limit: memory=48
// ends: kill oom
// why: the plainest flood there is: an array that grows until nothing is left (isolated-vm heap-limit).
fn(() => {
  const all = [];
  while (true) all.push({ number: all.length });
});
