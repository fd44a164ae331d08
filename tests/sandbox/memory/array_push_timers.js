// limit: memory=48
// ends: kill oom
// why: the same across turns of the event loop, each of which allocates little.
fn(async () => {
  const all = [];
  while (true) {
    for (let i = 0; i < 20000; i++) all.push({ number: i });
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
});
