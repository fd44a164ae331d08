// limit: memory=64 step=300
// ends: kill timeout
// why: short inner loops of a known count, that the optimizing compiler unrolls.
fn(() => {
  let sum = 0;
  for (;;) {
    for (let i = 0; i < 4; i++) sum += i;
    for (let i = 0; i < 3; i++) sum ^= [1, 2, 3].indexOf(i);
  }
});
