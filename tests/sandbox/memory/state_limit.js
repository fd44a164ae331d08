// limit: memory=128 state=4
// ends: kill oom
// why: the size of a state is a limit of its own, below that of the heap.
fn(() => ({ data: "x".repeat(5 << 20) }));
