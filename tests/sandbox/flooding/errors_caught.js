// limit: memory=64 step=500
// ends: kill timeout
// why: errors thrown and caught with their stacks read, each through the host's own writer of stacks.
fn(() => {
  let length = 0;
  while (true) {
    try {
      null.x;
    } catch (error) {
      length += error.stack.length;
    }
  }
});
