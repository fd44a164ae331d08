// ends: success
// why: instances of everything that there is, on the state.
fn(() => {
  class Own {
    #hidden = 1;
    shown = this.#hidden;
  }
  return {
    own: new Own(), date: new Date(NaN), regexp: /x/, map: new Map([[1, 2]]), set: new Set([1]), weak: new WeakMap(), ref: new WeakRef({}),
    boxed: [Object(1), Object("x"), Object(true), Object(Symbol())], fn: () => {}, symbol: Symbol("x"), generator: (function* () {})(),
    promise: Promise.resolve(1), url: new URL("http://a.b"), blob: new Blob(["x"]), buffer: new ArrayBuffer(8), view: new DataView(new ArrayBuffer(8)),
    signal: new AbortController().signal, event: new Event("x"), intl: new Intl.NumberFormat(), global: undefined, nan: NaN, infinity: Infinity, minus: -0,
  };
});
