// ends: crash ExecutionError
// why: the same with causes, rejected and not handled.
fn(async (state) => {
  let error = new Error("x");
  for (let i = 0; i < 40; i++) error = new AggregateError([error, error], "x", { cause: error });
  Promise.reject(error);
  await new Promise((resolve) => setTimeout(resolve, 10));
  return state;
});
