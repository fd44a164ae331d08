// ends: success
// output: {"ok":true}
// why: the iterators of arrays, Maps, Sets and strings replaced.
export default [async () => {
  const map = new Map([[1, 2]]);
  const bad = () => { throw new Error("tampered"); };
  for (const iterable of [[], new Map(), new Set(), ""]) {
    Object.getPrototypeOf(iterable[Symbol.iterator]()).next = bad;
  }
  setTimeout(() => {}, 100);
  console.log("x", [1], map, { a: 1 });
  await null;
  return { ok: true };
}];
