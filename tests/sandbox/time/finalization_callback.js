// limit: memory=32 step=1500
// ends: kill timeout | kill oom
// why: callbacks of a FinalizationRegistry run in a turn of the event loop. (Filling the heap to be collected may go over it.)
fn(async () => {
  const registry = new FinalizationRegistry(() => { while (true); });
  for (let i = 0; ; i++) {
    registry.register({}, i);
    const garbage = new Array(10_000).fill(i);
    if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 0, garbage.length));
  }
});
