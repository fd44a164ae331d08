// limit: memory=64 step=300
// ends: kill timeout
// why: typed arrays are sorted in C++, without a check in between.
fn(() => {
  const all = new Float64Array(1_000_000);
  while (true) {
    for (let i = 0; i < all.length; i++) all[i] = Math.random();
    all.sort();
  }
});
