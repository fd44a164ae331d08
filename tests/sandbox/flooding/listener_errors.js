// ends: crash ExecutionError
// why: what a listener throws ends the run, at the first and not at the ten-thousandth.
fn(() => {
  const target = new EventTarget();
  for (let i = 0; i < 10_000; i++) target.addEventListener("x", () => { throw new Error(`listener ${i}`); });
  target.dispatchEvent(new Event("x"));
  return { ok: true };
});
