// ends: success
// why: BigInts at every level, and boxed ones.
fn(() => ({ a: 1n, b: [2n, { c: 3n }], d: Object(4n), e: { f: { g: { h: [5n] } } } }));
