// limit: memory=64 step=300
// ends: kill timeout
// why: reading `then` of what was returned is user code already.
fn(() => ({ get then() { while (true); } }));
