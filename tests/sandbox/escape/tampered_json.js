// ends: success
// output: {"data":{"a":1}}
// why: JSON.stringify and JSON.parse replaced: ours are the old ones.
export default [() => {
  JSON.stringify = () => '{"forged":true}';
  JSON.parse = () => ({ forged: true });
  globalThis.JSON = { stringify: () => '"forged"' };
  return { data: { a: 1 } };
}];
// --- next step
export default [(state) => ({ data: state.data })];
