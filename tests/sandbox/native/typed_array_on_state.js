// ends: success | kill oom
// why: JSON of a typed array is an object with a key for each element: 13 bytes of text for one byte.
fn(() => ({ data: new Uint8Array(2_000_000) }));
