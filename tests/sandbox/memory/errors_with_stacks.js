// limit: memory=48
// ends: kill oom
// why: every error keeps the frames it was made in.
fn(() => {
  const kept = [];
  const deep = (depth) => (depth ? deep(depth - 1) : kept.push(new Error("x")));
  while (true) deep(20);
});
