// limit: memory=48
// ends: kill oom
// why: suspended generators keep their registers.
fn(() => {
  function* hold(i) {
    const large = new Array(50).fill(i);
    yield 1;
    yield large;
  }
  const kept = [];
  for (let i = 0; ; i++) {
    const generator = hold(i);
    generator.next();
    kept.push(generator);
  }
});
