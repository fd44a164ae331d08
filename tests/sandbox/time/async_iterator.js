// limit: memory=64 step=300
// ends: kill timeout
// why: for await over an iterator without an end.
fn(async () => {
  const forever = { [Symbol.asyncIterator]: () => ({ next: async () => ({ value: 1, done: false }) }) };
  for await (const _ of forever);
});
