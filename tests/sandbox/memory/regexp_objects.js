// limit: memory=48
// ends: kill oom
// why: compiled regular expressions are code, which has a space of its own.
fn(() => {
  const kept = [];
  for (let i = 0; ; i++) {
    const regexp = new RegExp(`(a${i}|b{1,9}c?){2,5}`);
    regexp.test(`aab${i}`);
    regexp.test(`aab${i}`);
    kept.push(regexp);
  }
});
