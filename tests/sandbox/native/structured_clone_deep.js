// ends: fail RuntimeError | fail JobError
// why: the serializer recurses.
fn(() => {
  let value = [];
  for (let i = 0; i < 1_000_000; i++) value = [value];
  return { data: structuredClone(value).length };
});
