// limit: memory=48
// ends: kill oom
// why: a Set of distinct strings.
fn(() => {
  const set = new Set();
  for (let i = 0; ; i++) set.add(`key ${i}`);
});
