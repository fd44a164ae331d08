// ends: success
// why: every kind of value is thrown and rejected with, caught by nobody but the host, one step after the other.
fn(async () => {
  const values = [undefined, null, 0, NaN, -0, 1n, "", "x", Symbol("x"), true, () => {}, class {}, [], {}, new Date(NaN), /x/, new Map(), new Proxy({}, {}), new Proxy(() => {}, {}), Object.create(null), globalThis, new Uint8Array(3), new ReadableStream(), new DOMException("a", "b"), (function () { return arguments; })()];
  for (const value of values) {
    try {
      throw value;
    } catch (caught) {
      console.log(caught);
      console.error("%o %O %s %d %i %f %c", caught, caught);
    }
    await Promise.reject(value).catch(() => {});
  }
  return { count: values.length };
});
