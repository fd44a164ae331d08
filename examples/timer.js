// An operation may return a promise: the next one starts when it has settled, with what it settled to.
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

fn(async (state) => {
  console.log("waiting for 50 ms, without keeping the processor busy");
  const before = performance.now();
  await sleep(50);
  return { ...state, waited: performance.now() - before >= 49 };
});

// Things that do not need each other may wait together: this takes as long as the longest, not as their sum.
fn(async (state) => {
  const names = await Promise.all([
    sleep(30).then(() => "granite"),
    sleep(10).then(() => "basalt"),
    sleep(20).then(() => "obsidian"),
  ]);
  console.log("all here, in the order in which they were asked for:", names.join(", "));
  return { ...state, names };
});
