// limit: memory=64 step=300
// ends: kill timeout
// why: with a timer running the host cannot know that the promise will not be settled.
fn(() => {
  setInterval(() => {}, 10);
  return new Promise(() => {});
});
