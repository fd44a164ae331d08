// limit: memory=48
// ends: kill oom
// why: half of the limit in the heap and twice that in buffers: two limits that each hold are not one that holds.
fn(() => {
  const kept = [new Array(4_000_000).fill(1.5)];
  while (true) kept.push(new Uint8Array(1 << 20).fill(1));
});
