// ends: fail StateEncodeError
// why: twenty thousand objects in each other.
fn(() => {
  let value = {};
  for (let i = 0; i < 20_000; i++) value = { a: value };
  return { data: value };
});
