// About the job.
type A = 1;

// First.
fn((x: A) => x);
