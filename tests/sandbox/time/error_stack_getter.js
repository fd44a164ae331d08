// limit: memory=64 step=300
// ends: kill timeout
// why: the host reads the stack of what was thrown.
fn(() => {
  const error = new Error("x");
  Object.defineProperty(error, "stack", { get() { while (true); } });
  throw error;
});
