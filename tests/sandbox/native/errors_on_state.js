// ends: success
// why: errors on the state with names and messages that are no texts, and with keys of every kind.
fn(() => {
  const error = new Error("x");
  Object.defineProperty(error, "name", { value: 7, enumerable: true });
  Object.defineProperty(error, "message", { value: { x: 1n }, enumerable: true });
  error[Symbol("s")] = 1;
  error.big = 1n;
  return { error, list: [error, new AggregateError([error], "y")] };
});
