// limit: memory=64 step=300
// ends: kill timeout
// why: errors on the state are written with their name and message, which are getters here.
fn(() => {
  const error = new Error("x");
  Object.defineProperty(error, "message", { get() { while (true); } });
  return { errors: { error } };
});
