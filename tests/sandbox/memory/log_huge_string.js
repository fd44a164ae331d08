// limit: memory=48
// ends: kill oom | success
// why: one line of 200 MB: it is copied out of V8 and into the event. (It may also be cut.)
fn(() => {
  console.log("x".repeat(200 << 20));
  return { ok: true };
});
