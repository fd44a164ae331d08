// ends: kill security
// why: eval called by another name runs in the global scope.
fn(() => (0, eval)("globalThis"));
