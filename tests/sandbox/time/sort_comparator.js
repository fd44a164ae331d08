// limit: memory=64 step=300
// ends: kill timeout
// why: a comparator that never comes back, below a builtin.
fn(() => {
  [3, 1, 2].sort(() => {
    while (true);
  });
});
