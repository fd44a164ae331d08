// ends: success | fail StateEncodeError
// why: toJSON on every prototype: JSON.stringify calls it by specification, so it may change this job's own output, no more. (An
// output that is no object is refused.)
fn(() => {
  Object.prototype.toJSON = () => "forged";
  Array.prototype.toJSON = () => "forged";
  String.prototype.toJSON = () => "forged";
  return { data: [1, { a: "b" }], list: new Array(100).fill({}) };
});
// --- next step
fn((state) => ({ data: state.data }));
