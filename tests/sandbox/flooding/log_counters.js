// limit: memory=64 step=1500
// ends: success | kill timeout
// why: console.count and console.time keep a name for each call. (A debug build may be slow.)
fn(() => {
  for (let i = 0; i < 10_000; i++) {
    console.time?.(`timer ${i}`);
    console.count?.(`counter ${i}`);
  }
  return { ok: true };
});
