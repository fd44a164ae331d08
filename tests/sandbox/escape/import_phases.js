// ends: crash CompileError | crash ImportError | crash RuntimeCrash
// why: import.source and import.defer are other doors to the same loader. (Whether the compiler or V8 refuses them.)
fn(async () => ({ data: typeof (await import.source("file:///x.wasm")) }));
