// ends: crash ExecutionError
// why: the same as a rejection, and with keys of additional properties that are no list.
fn(async (state) => {
  const error = new Error("x");
  for (const value of [new Proxy([], { get() { throw new Error("y"); } })]) error[Symbol.for("errorAdditionalPropertyKeys")] = value;
  error.errors = new Proxy([], { get() { throw new Error("z"); } });
  Promise.reject(error);
  await new Promise((resolve) => setTimeout(resolve, 5));
  return state;
});
