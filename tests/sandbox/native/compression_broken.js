// ends: success
// output: {"ok":true}
// why: decompressors get bytes that are none of theirs, and are closed, aborted and cancelled in every state.
fn(async () => {
  for (const format of ["gzip", "deflate", "deflate-raw"]) {
    for (let i = 0; i < 30; i++) {
      const stream = new DecompressionStream(format);
      const writer = stream.writable.getWriter();
      const reader = stream.readable.getReader();
      const all = [writer.write(crypto.getRandomValues(new Uint8Array(i))), writer.write(i % 3 ? new Uint8Array(0) : "x"), i % 2 ? writer.close() : writer.abort(), reader.read(), i % 5 ? reader.read() : reader.cancel()];
      await Promise.race([Promise.allSettled(all), new Promise((resolve) => setTimeout(resolve, 3))]);
    }
  }
  return { ok: true };
});
