// limit: memory=64 step=300
// ends: kill timeout
// why: includes and indexOf ask a Proxy for 2^53 elements.
fn(() => ({ found: Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 7) }));
