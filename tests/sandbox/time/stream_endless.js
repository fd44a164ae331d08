// limit: memory=64 step=300
// ends: kill timeout
// why: a stream that is never done, read by the job.
fn(async () => {
  let count = 0;
  const stream = new ReadableStream({ pull: (controller) => controller.enqueue(count++) });
  for await (const _ of stream);
});
