// ends: fail RuntimeError
// why: a generator that is asked for more while it runs.
fn(() => {
  const generator = (function* () {
    generator.next();
    yield 1;
  })();
  return { data: [...generator] };
});
