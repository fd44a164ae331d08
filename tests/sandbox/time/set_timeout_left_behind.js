// ends: success
// output: {"ok":true}
// why: timers end with their step: one that sets itself again must not keep the run.
fn(() => {
  const again = () => setTimeout(again, 0);
  again();
  return { ok: true };
});
