// ends: kill oom
// why: the same as a key.
fn(() => ({ ["x".repeat(2 ** 28)]: 1 }));
