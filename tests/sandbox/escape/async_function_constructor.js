// ends: kill security
// why: the constructor of async arrows, which has no name of its own.
fn(() => (async () => {}).constructor("return globalThis")());
