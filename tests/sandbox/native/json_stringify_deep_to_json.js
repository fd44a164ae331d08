// ends: fail RuntimeError
// why: JSON.stringify with toJSON at each level recurses.
fn(() => {
  let value = {};
  for (let i = 0; i < 200_000; i++) value = { a: value, toJSON() { return this.a; } };
  return { ok: JSON.stringify({ list: [value, value] }).length };
});
