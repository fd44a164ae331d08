// ends: crash RuntimeCrash
// why: Atomics.wait would put the thread to sleep where no order reaches it.
fn(() => Atomics.wait(new Int32Array(new ArrayBuffer(8)), 0, 0));
