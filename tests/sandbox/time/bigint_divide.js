// limit: memory=64 step=300
// ends: kill timeout
// why: division is the slowest of them.
fn(() => {
  const number = (1n << 100_000_000n) - 1n;
  const other = (1n << 50_000_000n) + 12345n;
  while (true) if (number % other === 0n) break;
});
