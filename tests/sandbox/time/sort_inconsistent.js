// limit: memory=64 step=300
// ends: kill timeout
// why: sorting over and over with a comparator that contradicts itself.
fn(() => {
  const all = Array.from({ length: 100_000 }, (_, i) => i);
  while (true) all.sort(() => Math.random() - 0.5);
});
