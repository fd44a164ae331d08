// limit: memory=64 step=300
// ends: kill timeout
// why: deno_core follows the cause of what was thrown, and the errors of an AggregateError.
fn(() => {
  const error = new AggregateError([new Error("a")], "x");
  Object.defineProperty(error, "errors", { get() { while (true); } });
  Object.defineProperty(error, "cause", { get() { while (true); } });
  throw error;
});
