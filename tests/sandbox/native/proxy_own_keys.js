// ends: success | fail StateEncodeError | fail RuntimeError
// why: a Proxy on the state says that it has keys that it has not, twice, and other things than keys.
fn(() => ({
  a: new Proxy({}, { ownKeys: () => ["x", "x"] }),
  b: new Proxy({}, { ownKeys: () => [1, {}] }),
  c: new Proxy({ x: 1 }, { ownKeys: () => ["x", Symbol("y"), "z"], getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }) }),
}));
