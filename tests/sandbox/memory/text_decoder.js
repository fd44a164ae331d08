// limit: memory=48
// ends: kill oom
// why: decoded text: through the host's memory into the heap.
fn(() => {
  const bytes = new Uint8Array(1 << 20).fill(120);
  const kept = [];
  while (true) kept.push(new TextDecoder().decode(bytes));
});
