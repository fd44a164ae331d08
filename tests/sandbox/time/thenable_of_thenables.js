// limit: memory=64 step=300
// ends: kill timeout
// why: a thenable that resolves to another one, for ever.
fn(() => {
  const again = () => ({ then: (resolve) => resolve(again()) });
  return again();
});
