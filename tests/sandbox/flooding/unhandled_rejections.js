// ends: crash ExecutionError
// why: ten thousand rejections that nobody handles are one outcome.
fn(async (state) => {
  for (let i = 0; i < 10_000; i++) Promise.reject(new Error(`rejection ${i}`));
  await new Promise((resolve) => setTimeout(resolve, 10));
  return state;
});
