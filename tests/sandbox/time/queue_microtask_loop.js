// limit: memory=64 step=300
// ends: kill timeout
// why: the same with queueMicrotask.
fn(() => {
  const again = () => queueMicrotask(again);
  again();
});
