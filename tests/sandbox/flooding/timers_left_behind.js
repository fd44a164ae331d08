// ends: success
// output: {"ok":true}
// why: twenty thousand timers that nobody waits for, cleared at the end of the step.
fn(() => {
  for (let i = 0; i < 20_000; i++) setTimeout(() => {}, 1000);
  return { ok: true };
});
// --- next step
fn(() => ({ ok: true }));
