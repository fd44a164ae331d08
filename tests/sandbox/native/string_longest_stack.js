// ends: fail JobError | kill oom | fail RuntimeError
// why: the same as an error's stack, which is read to find positions in.
fn(() => {
  const error = new Error("x");
  error.stack = `Error\n${"    at x (file:///a:1:1)\n".repeat(2_000_000)}`;
  throw error;
});
