// limit: memory=128 step=1500
// ends: success | kill timeout
// why: a prototype chain of 50,000 objects. (A lookup through all of it takes as long as it takes.)
fn(() => {
  let value = null;
  for (let i = 0; i < 50_000; i++) value = Object.create(value);
  return { data: value.missing === undefined };
});
