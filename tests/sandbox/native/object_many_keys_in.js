// limit: memory=500
// ends: success
// output: {"last":1099999,"first":0,"after":1048577}
// why: the same in: an index of a million places, over a number's bits, and a view with as many lazy properties.
export default [() => {
  const state = {};
  for (let i = 0; i < 1_100_000; i++) state[`k${i}`] = i;
  return state;
}];
// --- next step
export default [(state) => ({ last: state.k1099999, first: state.k0, after: state.k1048577 })];
