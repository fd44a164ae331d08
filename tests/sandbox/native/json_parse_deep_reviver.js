// ends: fail RuntimeError
// why: a reviver is called from a recursion of V8's own.
fn(() => ({ ok: JSON.parse("[".repeat(100_000) + "]".repeat(100_000), (_, value) => value).length }));
