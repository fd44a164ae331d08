// ends: fail JobError
// why: an EvalError that the job makes itself is the job's error: nothing ran and nothing was refused.
fn(() => {
  throw new EvalError("mine");
});
