// limit: memory=48
// ends: fail RuntimeError
// why: many resizable buffers of 16 MB each.
fn(() => {
  const kept = [];
  for (let i = 0; i < 40; i++) {
    const buffer = new ArrayBuffer(0, { maxByteLength: 2 ** 24 });
    buffer.resize(2 ** 24);
    kept.push(new Uint8Array(buffer).fill(1));
  }
  return { count: kept.length };
});
