// ends: fail RuntimeError
// why: the plainest recursion without an end.
fn(() => {
  const deep = () => deep() + 1;
  return { data: deep() };
});
