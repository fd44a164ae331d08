// ends: fail JobError | kill oom | fail RuntimeError
// events: 300
// why: the same as an error's message. (It may be cut, or be too much.)
fn(() => {
  throw new Error("x".repeat(2 ** 26));
});
