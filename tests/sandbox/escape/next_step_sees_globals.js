// ends: success
// output: {"left":"x","timer":false}
// why: one realm for one run is on purpose (README): what hangs on globalThis stays. Timers do not.
fn((state) => {
  globalThis.left = "x";
  setTimeout(() => { globalThis.fired = true; }, 1);
  return state;
});
// --- next step
fn(async () => {
  await new Promise((resolve) => setTimeout(resolve, 30));
  return { left: globalThis.left, timer: globalThis.fired === true };
});
