// limit: memory=48
// ends: kill oom | success
// why: console.table pads each cell to the widest of its column. (It may also be cut.)
fn(() => {
  console.table(Array.from({ length: 300 }, (_, i) => ({ a: i === 0 ? "x".repeat(50_000) : "y" })));
  return { ok: true };
});
