// limit: memory=64 step=300
// ends: kill timeout
// why: a generator that yields for ever, consumed by a builtin.
fn(() => {
  function* forever() {
    while (true) yield 1;
  }
  const set = new Set(forever());
  return { size: set.size };
});
