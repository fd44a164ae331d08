// ends: success
// output: {"foreign":[]}
// why: what structuredClone makes is of this realm, whatever prototypes its source pretends to have.
fn(() => {
  const foreign = [];
  const sources = { object: {}, array: [1], map: new Map([[1, {}]]), set: new Set([1]), date: new Date(0), regexp: /x/g, error: new TypeError("x"), bytes: new Uint8Array(3), buffer: new ArrayBuffer(3), boxed: Object(1n) };
  for (const [name, source] of Object.entries(sources)) {
    const clone = structuredClone(source);
    if (Object.getPrototypeOf(clone) !== Object.getPrototypeOf(source)) foreign.push(name);
    if (clone.constructor.constructor !== Function) foreign.push(`${name}'s Function`);
  }
  return { foreign };
});
