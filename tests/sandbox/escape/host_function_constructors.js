// ends: success
// output: {"foreign":[],"allowed":[]}
// why: every function that can be found from globalThis, with its prototype and its constructors, is of this realm, and none makes code.
fn(() => {
  const seen = new Set();
  const foreign = [];
  const allowed = [];
  const kinds = new Set([Function, (async () => {}).constructor, (function* () {}).constructor, (async function* () {}).constructor]);
  const visit = (value, path) => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
    seen.add(value);
    if (typeof value === "function") {
      let constructor;
      try {
        constructor = value.constructor;
      } catch {
        constructor = undefined;
      }
      if (typeof constructor === "function" && constructor !== value && Object.getPrototypeOf(value) === Function.prototype && !kinds.has(constructor)) {
        foreign.push(path);
      }
      if (kinds.has(constructor)) {
        try {
          constructor("return 1");
          allowed.push(path);
        } catch (error) {
          if (!(error instanceof EvalError)) foreign.push(path);
        }
      }
    }
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key);
      for (const part of ["value", "get", "set"]) visit(descriptor[part], `${path}.${String(key)}`);
    }
    visit(Reflect.getPrototypeOf(value), `${path}.__proto__`);
  };
  visit(globalThis, "globalThis");
  return { foreign, allowed };
});
