// ends: kill oom
// why: 8 GB at once.
fn(() => ({ length: new ArrayBuffer(8 * 2 ** 30).byteLength }));
