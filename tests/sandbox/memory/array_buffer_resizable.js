// limit: memory=48
// ends: fail RuntimeError
// why: a resizable ArrayBuffer reserves its room from the system and not from the allocator that counts, so there are none (isolated-vm resize-array-buffer).
fn(() => {
  const buffer = new ArrayBuffer(1, { maxByteLength: 2 ** 29 });
  buffer.resize(2 ** 29);
  const bytes = new Uint8Array(buffer);
  for (let i = 0; i < bytes.length; i += 4096) bytes[i] = 1;
  return { length: bytes.length };
});
