// limit: memory=64 step=300
// ends: kill timeout
// why: return() of an iterator runs when a destructuring is done, and when the run is being ended.
fn(() => {
  const iterable = { [Symbol.iterator]: () => ({ next: () => ({ value: 1, done: false }), return() { while (true); } }) };
  const [first] = iterable;
  return { first };
});
