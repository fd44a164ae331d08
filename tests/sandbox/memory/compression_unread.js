// limit: memory=48
// ends: kill idle
// why: a compressor whose output nobody reads. (Backpressure stops the writer for good, which is an idle wait.)
fn(async () => {
  const writer = new CompressionStream("gzip").writable.getWriter();
  while (true) await writer.write(crypto.getRandomValues(new Uint8Array(65536)));
});
