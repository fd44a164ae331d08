// limit: memory=48
// ends: kill oom
// why: Array.from builds inside a builtin.
fn(() => Array.from({ length: 100_000_000 }, (_, index) => ({ index })));
