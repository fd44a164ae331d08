// input: {"a":{"x":[1,2,3]},"b":{"y":{"z":1}}}
// ends: success
// output: {"x":[1,2,3],"z":1}
// why: a view outlives its step and its state on globalThis; its bytes must still be there when it is read.
fn((state) => {
  globalThis.view = state;
  return {};
});
// --- next step
fn(() => {
  for (let i = 0; i < 50; i++) new Array(100_000).fill(i);
  return { x: globalThis.view.a.x, z: globalThis.view.b.y.z };
});
