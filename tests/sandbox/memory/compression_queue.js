// limit: memory=48
// ends: kill oom
// why: bytes that no compressor takes in lie in the queue of its stream.
fn(async () => {
  const writer = new CompressionStream("gzip").writable.getWriter();
  while (true) {
    const bytes = crypto.getRandomValues(new Uint8Array(65536));
    writer.write(bytes).catch(() => {});
  }
});
