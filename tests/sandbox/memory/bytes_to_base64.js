// limit: memory=48
// ends: kill oom
// why: the same with Uint8Array's own methods.
fn(() => {
  const bytes = new Uint8Array(1 << 20).fill(1);
  const kept = [];
  while (true) kept.push(bytes.toBase64(), bytes.toHex());
});
