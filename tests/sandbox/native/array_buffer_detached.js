// ends: success
// why: buffers that were given away, on the state: every view of them is empty or throws.
fn(() => {
  const buffer = new ArrayBuffer(1000);
  const bytes = new Uint8Array(buffer, 10, 20);
  const view = new DataView(buffer, 1, 2);
  structuredClone(buffer, { transfer: [buffer] });
  return { buffer, bytes, length: bytes.length, kept: [bytes, new Uint8Array(3)], view: typeof view };
});
