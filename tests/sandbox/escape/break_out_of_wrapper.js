// ends: crash CompileError
// why: a job cannot close what the compiler puts around it.
fn(() => ({}))]; globalThis.x = [1
