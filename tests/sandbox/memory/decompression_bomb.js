// limit: memory=48 step=4000
// ends: kill oom
// why: zeros compress a thousandfold: 200 kB become 200 MB.
fn(async () => {
  const zeros = new Uint8Array(1 << 20);
  const compressor = new CompressionStream("gzip");
  const writer = compressor.writable.getWriter();
  const written = (async () => {
    for (let i = 0; i < 200; i++) await writer.write(zeros);
    await writer.close();
  })();
  const small = [];
  for await (const chunk of compressor.readable) small.push(chunk);
  await written;
  const bomb = new Blob(small).stream().pipeThrough(new DecompressionStream("gzip"));
  const kept = [];
  for await (const chunk of bomb) kept.push(chunk);
  return { chunks: kept.length };
});
