// limit: memory=64 step=300
// ends: kill timeout
// why: reverse swaps two thousand million holes.
fn(() => {
  const all = new Array(2 ** 32 - 1);
  all[1] = 1;
  all.reverse();
});
