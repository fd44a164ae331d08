// ends: crash ExecutionError
// events: 300
// why: the same from a rejection that nobody handles.
fn(async (state) => {
  Promise.reject(new Error("x".repeat(10 << 20)));
  await new Promise((resolve) => setTimeout(resolve, 10));
  return state;
});
