// limit: memory=64 step=300
// ends: kill timeout
// why: the plainest endless loop (isolated-vm timeout).
fn(() => {
  while (true);
});
