// ends: success
// output: {"ok":true}
// why: timers that log go with their step; nothing comes after its end.
fn(() => {
  setInterval(() => console.log("still here"), 0);
  return { ok: true };
});
