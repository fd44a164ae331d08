// limit: memory=48
// ends: kill oom
// why: of two branches one is read and the other one keeps everything.
fn(async () => {
  let count = 0;
  const source = new ReadableStream({ pull: (controller) => controller.enqueue(new Array(1000).fill(count++)) });
  const [read, kept] = source.tee();
  globalThis.kept = kept;
  for await (const _ of read);
});
