// ends: fail StateEncodeError
// why: a state of 4000 levels is put 200 levels deeper, untouched.
fn(() => {
  let value = [];
  for (let i = 0; i < 4000; i++) value = [value];
  return { data: value };
});
// --- next step
fn((state) => {
  let value = state.data;
  for (let i = 0; i < 200; i++) value = { a: value };
  return { data: value };
});
