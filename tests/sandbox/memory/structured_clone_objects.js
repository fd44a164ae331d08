// limit: memory=48
// ends: kill oom
// why: structuredClone serializes into memory of the host's before it makes objects of it.
fn(() => {
  let value = { a: [1, 2, 3] };
  while (true) value = { a: structuredClone(value), b: structuredClone(value) };
});
