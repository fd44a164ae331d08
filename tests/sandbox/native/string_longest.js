// ends: kill oom
// why: a rope of the greatest length of a string, on the state.
fn(() => ({ data: "x".repeat(2 ** 29 - 24) }));
