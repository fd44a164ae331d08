// limit: memory=64 step=300
// ends: kill timeout
// why: valueOf within arithmetic.
fn(() => ({ data: 1 + { valueOf() { while (true); } } }));
