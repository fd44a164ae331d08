// ends: fail JobError | kill oom
// events: 300
// why: a long text that is thrown is the message.
fn(() => {
  throw "x".repeat(2 ** 26);
});
