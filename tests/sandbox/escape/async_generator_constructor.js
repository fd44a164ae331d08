// ends: kill security
// why: the constructor of async generator methods.
fn(() => ({ async *x() {} }).x.constructor("yield 1")());
