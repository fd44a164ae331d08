// ends: success
// output: {"ok":true,"data":{}}
// why: Symbol.species of Promise is asked by then().
export default [() => {
  Object.defineProperty(Promise, Symbol.species, { get() { throw new Error("species"); } });
  return { ok: true };
}];
// --- next step
export default [async (state) => state];
