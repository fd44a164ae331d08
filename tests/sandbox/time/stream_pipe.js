// limit: memory=64 step=300
// ends: kill timeout
// why: a pipe from an endless source into a sink that takes everything.
fn(() => {
  const source = new ReadableStream({ pull: (controller) => controller.enqueue(1) });
  return source.pipeTo(new WritableStream({ write() {} }));
});
