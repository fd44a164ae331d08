// ends: kill idle
// why: a promise that nothing can settle is found out at once and not at the limit.
fn(() => new Promise(() => {}));
