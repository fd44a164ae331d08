// limit: memory=48
// ends: kill oom
// why: many views of one buffer cost heap only.
fn(() => {
  const bytes = new Uint8Array(1000);
  const kept = [];
  while (true) kept.push(bytes.subarray(1, 2));
});
