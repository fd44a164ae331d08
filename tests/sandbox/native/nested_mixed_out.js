// ends: fail StateEncodeError
// why: the same, with a BigInt at the bottom, so that V8 refuses and the careful pass has to walk it.
fn(() => {
  let value = [1n];
  for (let i = 0; i < 10_000; i++) value = i % 2 ? [value] : { a: value, b: 1 };
  return { data: value };
});
