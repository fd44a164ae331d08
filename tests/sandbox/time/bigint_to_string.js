// limit: memory=64 step=300
// ends: kill timeout | fail RuntimeError
// why: writing a BigInt in decimal.
fn(() => ({ length: ((1n << 200_000_000n) - 1n).toString().length }));
