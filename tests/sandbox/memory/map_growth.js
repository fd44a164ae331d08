// limit: memory=48
// ends: kill oom
// why: a Map rehashes into a table of twice the size: three times its memory for a moment.
fn(() => {
  const map = new Map();
  for (let i = 0; ; i++) map.set(i, i);
});
