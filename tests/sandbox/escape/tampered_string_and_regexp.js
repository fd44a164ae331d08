// ends: success
// output: {"ok":true}
// why: methods of String, RegExp, Map, Set, WeakMap and Symbol replaced before the host's classes are used.
export default [() => {
  const bad = () => { throw new Error("tampered"); };
  for (const kind of [String, RegExp, Map, Set, WeakMap, WeakSet, Number, Uint8Array, ArrayBuffer, DataView]) {
    for (const name of Object.getOwnPropertyNames(kind.prototype)) {
      if (name === "constructor" || name === "length" || name === "BYTES_PER_ELEMENT") continue;
      Object.defineProperty(kind.prototype, name, { get: bad, set: bad, configurable: true });
    }
  }
  console.log("x", { a: [1] });
  setTimeout(() => {}, 1);
  structuredClone({ a: 1 });
  return { ok: true };
}];
