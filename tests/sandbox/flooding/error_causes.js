// ends: fail JobError
// events: 300
// why: a chain of a thousand causes with messages of 10 kB.
fn(() => {
  let error;
  for (let i = 0; i < 1000; i++) error = new Error("x".repeat(10_000), { cause: error });
  throw error;
});
