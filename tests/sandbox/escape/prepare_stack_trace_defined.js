// ends: success
// output: {"sites":"string"}
// why: the same by defineProperty, on subclasses, on another Error, and on the prototype chain.
fn(() => {
  const give = { value: (_, sites) => sites, configurable: true };
  for (const target of [Error, TypeError, Function.prototype, Object.prototype, globalThis]) {
    try {
      Object.defineProperty(target, "prepareStackTrace", give);
    } catch {
      continue;
    }
  }
  class Own extends Error {
    static prepareStackTrace = (_, sites) => sites;
  }
  try {
    globalThis.Error = Own;
  } catch {
    // A fixed property cannot be assigned.
  }
  const stacks = [new Error("x").stack, new Own("x").stack, new TypeError("x").stack];
  try {
    null.x;
  } catch (error) {
    stacks.push(error.stack);
  }
  return { sites: stacks.map((stack) => typeof stack).find((kind) => kind !== "string") ?? "string" };
});
