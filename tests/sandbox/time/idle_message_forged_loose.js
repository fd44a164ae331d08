// ends: crash ExecutionError
// why: the same as a rejection that nobody handles.
fn(async (state) => {
  Promise.reject(new Error("Top-level await promise never resolved"));
  await new Promise((resolve) => setTimeout(resolve, 10));
  return state;
});
