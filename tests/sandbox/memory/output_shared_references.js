// limit: memory=48
// ends: kill oom
// why: the state itself is a graph that doubles with each level; the encoder writes it out.
fn(() => {
  let value = { text: "x".repeat(100) };
  for (let i = 0; i < 20; i++) value = { a: value, b: value };
  return { data: value };
});
