// limit: memory=48
// ends: kill oom
// why: the parts of a Blob are in a store of the host's.
fn(() => {
  const kept = [];
  const bytes = new Uint8Array(1 << 20).fill(1);
  for (let i = 0; i < 600; i++) kept.push(new Blob([bytes]));
  return { count: kept.length };
});
