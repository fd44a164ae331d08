// ends: kill security
// why: new Function.
fn(() => new Function("return globalThis")());
