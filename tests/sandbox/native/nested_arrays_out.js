// ends: fail StateEncodeError
// why: twenty thousand arrays in each other: V8 writes them without recursion, we must not read them back with one.
fn(() => {
  let value = [];
  for (let i = 0; i < 20_000; i++) value = [value];
  return { data: value };
});
