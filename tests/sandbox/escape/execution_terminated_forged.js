// ends: fail JobError
// why: V8's own words for a termination, from the job.
fn(() => {
  throw new Error("Uncaught Error: execution terminated");
});
