// limit: memory=64 step=300
// ends: kill timeout
// why: Symbol.hasInstance, and a chain of bound functions.
fn(() => ({ data: {} instanceof { [Symbol.hasInstance]() { while (true); } } }));
