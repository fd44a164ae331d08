// ends: fail JobError
// why: an AggregateError whose errors double with each level.
fn(() => {
  let error = new Error("x");
  for (let i = 0; i < 40; i++) error = new AggregateError([error, error], "x");
  throw error;
});
