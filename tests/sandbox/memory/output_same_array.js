// limit: memory=48
// ends: kill oom
// why: 2000 keys of the state hold the same array of 1 MB; only bytes that were written can say how much that is.
fn(() => {
  const large = new Array(100_000).fill("1234567");
  const state = {};
  for (let i = 0; i < 2000; i++) state[`key${i}`] = large;
  return state;
});
