// limit: memory=256 step=300
// ends: kill timeout
// why: the product of numbers of 40 million digits.
fn(() => {
  let number = 3n ** 20_000_000n;
  while (true) number = (number * number) >> 31_000_000n;
});
