// limit: memory=64 step=300
// ends: kill timeout
// why: 2^32-2 stores in one builtin (isolated-vm#107: it could not be interrupted).
fn(() => {
  const all = [];
  all.length = 2 ** 32 - 2;
  all.fill(1);
});
