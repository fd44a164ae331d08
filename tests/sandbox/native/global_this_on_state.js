// ends: success | fail StateEncodeError | fail RuntimeError
// why: the global object itself, on the state.
fn(() => ({ data: globalThis, list: [globalThis] }));
