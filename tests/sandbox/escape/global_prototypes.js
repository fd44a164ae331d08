// ends: success
// output: {"chain":["","Object"],"symbols":[]}
// why: what the global object inherits, and hides under symbols.
fn(() => {
  const chain = [];
  for (let at = Object.getPrototypeOf(globalThis); at; at = Object.getPrototypeOf(at)) chain.push(at.constructor.name);
  return { chain: [...new Set(chain)], symbols: Object.getOwnPropertySymbols(globalThis).map(String) };
});
