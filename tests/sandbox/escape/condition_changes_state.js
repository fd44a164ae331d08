// condition: (state.data.x = 1, true)
// ends: success
// output: {"x":false}
// why: what a condition does to its view is seen by nobody.
fn(() => ({ data: {} }));
// --- next step
fn((state) => ({ x: state.data.x !== undefined }));
