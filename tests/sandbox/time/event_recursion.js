// limit: memory=64 step=300
// ends: kill timeout | crash ExecutionError | fail RuntimeError
// why: a listener that dispatches its own event. (Too much recursion inside a listener is an error that nobody handles.)
fn(() => {
  const target = new EventTarget();
  target.addEventListener("x", () => target.dispatchEvent(new Event("x")));
  target.dispatchEvent(new Event("x"));
});
