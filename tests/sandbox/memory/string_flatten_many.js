// limit: memory=48
// ends: kill oom
// why: ropes that are flattened one by one, each 1 MB.
fn(() => {
  const kept = [];
  for (let i = 0; ; i++) {
    const text = `${i}`.repeat(500_000) + i;
    text.charCodeAt(text.length - 1);
    kept.push(text);
  }
});
