// ends: crash RuntimeCrash
// why: WebAssembly would be a second engine, with memory that nobody counts.
fn(() => new WebAssembly.Memory({ initial: 1, maximum: 10, shared: true }));
