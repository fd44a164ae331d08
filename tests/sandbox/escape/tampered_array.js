// ends: success
// output: {"data":[1,{"a":[2]}],"long":100}
// why: Array.prototype and its iterators replaced; the encoder and the step runner use none of them.
export default [() => {
  const bad = function () { throw new Error("tampered"); };
  const output = { data: [1, { a: [2] }], long: new Array(100).fill(0) };
  for (const name of Object.getOwnPropertyNames(Array.prototype)) {
    if (name !== "length") Object.defineProperty(Array.prototype, name, { value: bad, configurable: true, writable: true });
  }
  Array.prototype[Symbol.iterator] = bad;
  Object.defineProperty(Array, Symbol.species, { get: bad });
  Object.defineProperty(Array.prototype, "0", { set: bad, get: bad, configurable: true });
  Array.from = Array.isArray = Array.of = bad;
  return output;
}];
// --- next step
export default [(state) => {
  delete Array.prototype[0];
  return { data: state.data, long: state.long.length };
}];
