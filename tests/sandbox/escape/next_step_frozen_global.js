// ends: success
// output: {"ok":true}
// why: a step freezes and seals what the next one and the host need.
export default [(state) => {
  Object.freeze(Object.prototype);
  Object.freeze(Array.prototype);
  Object.freeze(Function.prototype);
  Object.freeze(Promise.prototype);
  Object.preventExtensions(globalThis);
  return Object.freeze({ ...state, _private: 1 });
}];
// --- next step
export default [async (state) => {
  await null;
  console.log(state);
  return { ok: state._private === 1 };
}];
