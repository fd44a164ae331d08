// limit: memory=64 step=300
// ends: kill timeout
// why: a reviver that puts a new object where it has just been.
fn(() => JSON.parse('{"a":1}', function (key, value) {
  this.a = { a: { a: 1 } };
  return key === "" ? value : { again: JSON.parse('{"a":1}', () => { while (true); }) };
}));
