// ends: success
// output: {"kind":"string"}
// why: names of functions, classes, receivers and files go into a stack: getters, Proxies, symbols, long texts.
fn(() => {
  const make = () => new Error("x").stack;
  Object.defineProperty(make, "name", { get() { throw new Error("y"); } });
  const long = { ["x".repeat(100_000)]() { return make(); } }["x".repeat(100_000)];
  class Receiver {
    get [Symbol.toStringTag]() { throw new Error("z"); }
    run() { return long(); }
  }
  Object.defineProperty(Receiver, "name", { value: Symbol("x") });
  Object.defineProperty(Receiver.prototype, "constructor", { get() { throw new Error("c"); } });
  const stacks = [new Receiver().run(), new Proxy(make, {})(), Reflect.apply(make, new Proxy({}, { get() { throw 1; } }), []), [1].map(make)[0], new (class { constructor() { this.x = make(); } })().x];
  return { kind: stacks.map((stack) => typeof stack).find((kind) => kind !== "string") ?? "string" };
});
