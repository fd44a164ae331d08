// limit: memory=48
// ends: kill oom
// why: buffers of up to 64 bytes are never refused, because V8 would end the process; their objects must count instead.
fn(() => {
  const kept = [];
  while (true) kept.push(new Uint8Array(64).fill(1));
});
