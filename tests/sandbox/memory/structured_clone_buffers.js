// limit: memory=48
// ends: kill oom
// why: cloned ArrayBuffers come from the deserializer.
fn(() => {
  const kept = [new Uint8Array(8 << 20).fill(1)];
  while (true) kept.push(structuredClone(kept[0]));
});
