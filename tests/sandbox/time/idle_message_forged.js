// ends: fail JobError
// why: an error with the text of deno_core's own is the job's error, thrown while its module is evaluated.
throw new Error("Top-level await promise never resolved");
