// ends: success
// output: {"own":["data"],"descriptors":"value","symbols":0}
// why: the view of a state is a plain object: no getter, no symbol, no method of ours to be had from it.
fn((state) => {
  const own = Object.keys(state).filter((key) => key !== "configuration");
  const descriptor = Object.getOwnPropertyDescriptor(state, "data");
  return { own, descriptors: descriptor.get ? "getter" : "value", symbols: Object.getOwnPropertySymbols(state).length };
});
