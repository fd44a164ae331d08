// limit: memory=48
// ends: success | kill oom | fail RuntimeError
// why: Blobs that nobody keeps must not stay in the host's store. (A budget may be faster than the collector.)
fn(() => {
  const bytes = new Uint8Array(1 << 20).fill(1);
  for (let i = 0; i < 600; i++) new Blob([bytes]);
  return { done: true };
});
