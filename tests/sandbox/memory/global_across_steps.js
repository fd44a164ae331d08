// limit: memory=48
// ends: kill oom
// why: what hangs on globalThis lives until the run ends and counts for all of it.
fn((state) => {
  globalThis.kept = new Array(3_000_000).fill(1.5);
  return state;
});
// --- next step
fn((state) => {
  globalThis.more = new Array(3_000_000).fill(1.5);
  return state;
});
