// limit: memory=64 step=1000
// ends: kill oom | kill timeout
// why: next() of an async generator queues a request, whether anybody waits or not. (The queue is a list whose
// end V8 looks for each time: time may be up first.)
fn(async () => {
  const generator = (async function* () {
    await new Promise(() => {});
  })();
  while (true) generator.next();
});
