// ends: fail StateEncodeError
// why: every stream that is put on a state is kept open until the run ends.
fn(() => ({ streams: Object.fromEntries(Array.from({ length: 1100 }, (_, i) => [`s${i}`, new ReadableStream()])) }));
