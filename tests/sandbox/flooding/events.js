// limit: memory=64 step=500
// ends: kill timeout
// why: events as fast as they can be dispatched.
fn(() => {
  const target = new EventTarget();
  target.addEventListener("x", () => {});
  while (true) target.dispatchEvent(new Event("x"));
});
