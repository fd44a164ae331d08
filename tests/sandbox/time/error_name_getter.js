// limit: memory=64 step=300
// ends: kill timeout
// why: the host reads the name of what was thrown.
fn(() => {
  const error = new Error("x");
  Object.defineProperty(error, "name", { get() { while (true); } });
  throw error;
});
