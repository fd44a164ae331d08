// A job that fails, to see how that looks: which error, in which file, line and column, and that line.
//
// An error that a job throws does not lose what was done before it: whatever was assigned to the state it was given is in
// the result, and the error is beside it, under `errors`.
fn((state) => {
  state.received = ["Ada Lovelace"];
  return state;
});

fn((state) => {
  const [person] = state.received;
  // The mistake: `person` is a string, so it has no `name`, and `undefined` has no `split`.
  state.family = person.name.split(" ").at(-1);
  return state;
});
