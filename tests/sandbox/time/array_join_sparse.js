// ends: success
// output: {"length":0}
// why: join over a sparse array of the greatest length; V8 skips the holes.
export default [() => ({ length: new Array(2 ** 32 - 1).join("").length })];
