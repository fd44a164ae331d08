// limit: step=1000
// ends: kill oom | kill timeout | fail StateEncodeError
// why: a sparse array with an element at its very end.
fn(() => {
  const data = [];
  data[4_000_000_000] = 1;
  return { data };
});
