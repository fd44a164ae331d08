// limit: memory=48
// ends: kill oom
// why: the same across turns of the microtask queue (isolated-vm heap-limit-async).
fn(async () => {
  const all = [];
  while (true) {
    for (let i = 0; i < 1000; i++) all.push({ number: i });
    await null;
  }
});
