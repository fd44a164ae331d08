// ends: success | fail StateEncodeError
// why: descriptors that contradict their targets break V8's invariants, which must be an exception and no more.
fn(() => ({
  data: new Proxy(Object.freeze({ x: 1 }), {
    getOwnPropertyDescriptor: () => ({ value: 2, enumerable: true, configurable: true }),
    get: () => 3,
    has: () => false,
    isExtensible: () => true,
  }),
}));
