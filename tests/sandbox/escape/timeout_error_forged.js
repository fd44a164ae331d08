// ends: fail JobError
// why: errors that are called like kills are the job's own.
fn(() => {
  const error = new Error("Job took longer than 1000ms to complete");
  error.name = "TimeoutError";
  error.severity = "kill";
  error.reason = "kill";
  throw error;
});
