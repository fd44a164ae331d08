// ends: fail JobError
// why: an error that is its own cause, and one of its own errors.
fn(() => {
  const error = new AggregateError([], "x");
  error.cause = error;
  error.errors.push(error, error);
  throw error;
});
