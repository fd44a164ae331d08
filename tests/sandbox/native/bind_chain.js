// ends: fail RuntimeError | success
// why: a function bound 500,000 times calls itself through all of them. (V8 may run it without recursion.)
fn(() => {
  let bound = () => 1;
  for (let i = 0; i < 500_000; i++) bound = bound.bind(null, i);
  return { data: bound() };
});
