// limit: memory=64 step=300
// ends: kill timeout | fail RuntimeError
// why: one operation that takes minutes, inside V8's arithmetic. (V8 refuses results over 2^30 bits.)
fn(() => ({ bits: `${(7n ** 300_000_000n) % 2n}` }));
