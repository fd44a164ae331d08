// ends: fail JobError
// why: a chain of 100,000 causes, which deno_core follows when it describes an error.
fn(() => {
  let error = new Error("first");
  for (let i = 0; i < 100_000; i++) error = new Error("next", { cause: error });
  throw error;
});
