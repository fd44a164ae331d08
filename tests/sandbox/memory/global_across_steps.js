// limit: memory=48
// ends: kill oom
// why: what hangs on globalThis lives until the run ends and counts for all of it. Doubles are eight bytes in every build.
fn((state) => {
  globalThis.kept = new Array(3_000_000);
  for (let i = 0; i < kept.length; i++) kept[i] = i + 0.5;
  return state;
});
// --- next step
fn((state) => {
  globalThis.more = new Array(3_500_000);
  for (let i = 0; i < more.length; i++) more[i] = i + 0.5;
  return state;
});
