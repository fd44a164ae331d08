// limit: memory=64 step=300
// ends: kill timeout
// why: the host reads the message of what was thrown.
fn(() => {
  throw { get message() { while (true); } };
});
