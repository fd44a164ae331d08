// limit: memory=64 step=1000
// ends: kill timeout
// why: the compressor is an operation of the host's, which V8 cannot interrupt; each call must be short.
fn(async () => {
  const stream = new CompressionStream("deflate");
  const writer = stream.writable.getWriter();
  const bytes = new Uint8Array(1 << 20).fill(7);
  (async () => {
    while (true) await writer.write(bytes);
  })();
  for await (const _ of stream.readable);
});
