// limit: memory=64 step=300
// ends: kill timeout
// why: whether a value is a stream is found out by reading its `pipe`.
fn(() => ({ data: { get pipe() { while (true); } } }));
