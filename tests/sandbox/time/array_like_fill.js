// limit: memory=64 step=300
// ends: kill timeout
// why: fill over an object that only says that it is long.
fn(() => Array.prototype.fill.call({ length: 2 ** 53 - 1 }, 0));
