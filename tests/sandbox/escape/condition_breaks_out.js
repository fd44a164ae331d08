// condition: true) } , (() => { globalThis.x = 1
// ends: crash ValidationError | crash CompileError
// why: a condition cannot close the function that it is put into. (Either name is what it is.)
fn((state) => state);
// --- next step
fn((state) => state);
