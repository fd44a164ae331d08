// ends: fail JobError | kill oom | fail RuntimeError
// events: 300
// why: the same as an error's name and class.
fn(() => {
  const error = new Error("x");
  error.name = "x".repeat(2 ** 26);
  throw error;
});
