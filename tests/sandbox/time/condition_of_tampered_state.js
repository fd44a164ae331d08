// limit: memory=64 step=300
// condition: state.data.x
// ends: kill timeout
// why: a condition reads a state through a prototype that the step has changed.
fn(() => {
  Object.defineProperty(Object.prototype, "x", { get() { while (true); }, configurable: true });
  return { data: {} };
});
// --- next step
fn((state) => state);
