// limit: memory=48
// ends: kill oom
// why: a comparator that keeps what it is given, while sort keeps its own copy.
fn(() => {
  const kept = [];
  const all = Array.from({ length: 200_000 }, (_, i) => (i * 7919) % 200_003);
  all.sort((a, b) => {
    kept.push([a, b, {}]);
    return a - b;
  });
});
