// ends: fail JobError
// events: 300
// why: a message of 10 MB goes onto the state, into two events and to the terminal.
fn(() => {
  throw new Error("x".repeat(10 << 20));
});
