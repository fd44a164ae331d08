// limit: memory=64 step=300
// ends: kill timeout | fail RuntimeError
// why: reading a BigInt of 30 million digits (isolated-vm#202: it could not be interrupted).
fn(() => ({ odd: `${BigInt("9".repeat(30_000_000)) & 1n}` }));
