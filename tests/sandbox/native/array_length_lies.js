// ends: success
// why: the length of an array on the state changes while it is read.
fn(() => {
  const data = new Array(100).fill(0);
  Object.defineProperty(data, 5, { enumerable: true, get() { data.length = 2; return 1; } });
  const grows = [0];
  Object.defineProperty(grows, 0, { enumerable: true, get() { if (grows.length < 5000) grows.push(1, 2, 3); return 1; } });
  return { data, grows };
});
