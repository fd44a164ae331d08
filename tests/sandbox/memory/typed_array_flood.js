// limit: memory=48
// ends: kill oom
// why: ArrayBuffers are outside V8's heap limit; the allocator counts them, and what it refuses V8 reports like a full heap.
fn(() => {
  const kept = [];
  while (true) kept.push(new Uint8Array(1 << 20).fill(1));
});
