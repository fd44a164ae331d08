// ends: crash CompileError
// why: syntax of scripts is not syntax of modules.
<!-- fn(() => ({}))
fn(() => ({ ok: true }));
