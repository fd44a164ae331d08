// limit: memory=48
// ends: kill oom
// why: transfer() to a larger length reallocates past the place where buffers are made.
fn(() => {
  let buffer = new ArrayBuffer(1 << 20);
  while (true) {
    buffer = buffer.transfer(buffer.byteLength * 2);
    new Uint8Array(buffer).fill(1);
  }
});
