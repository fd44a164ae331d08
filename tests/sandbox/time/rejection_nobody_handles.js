// limit: memory=64 step=300
// ends: kill timeout
// why: the same as a rejection that nobody handles.
fn(async (state) => {
  const error = new Error("x");
  for (const name of ["message", "name", "stack", "cause"]) Object.defineProperty(error, name, { get() { while (true); } });
  Promise.reject(error);
  await new Promise((resolve) => setTimeout(resolve, 10));
  return state;
});
