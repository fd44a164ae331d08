// ends: success
// output: {"ways":[]}
// why: shared memory makes a clock of two loops; no builtin may still hand its constructor out.
fn(() => {
  const ways = [];
  const attempt = (name, make) => {
    try {
      const made = make();
      if (made !== undefined && Object.prototype.toString.call(made) === "[object SharedArrayBuffer]") ways.push(name);
    } catch {
      return;
    }
  };
  attempt("species", () => new ArrayBuffer(8)[Symbol.species]);
  attempt("constructor", () => new ArrayBuffer(8).constructor.constructor("return new SharedArrayBuffer(8)")());
  attempt("clone", () => structuredClone(new ArrayBuffer(8, { maxByteLength: 16, shared: true })));
  attempt("growable", () => new ArrayBuffer(8, { maxByteLength: 16, growable: true }));
  attempt("typed array", () => new Int32Array(new (class extends ArrayBuffer {})(8)).buffer);
  attempt("encoder", () => new TextEncoder().encode("x").buffer);
  attempt("stack", () => Object.getOwnPropertyNames(Intl).map((name) => Intl[name]).find((value) => value?.name === "SharedArrayBuffer"));
  return { ways };
});
