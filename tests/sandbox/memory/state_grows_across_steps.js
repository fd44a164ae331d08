// limit: memory=32
// ends: kill oom
// why: every step hands on twice what it got; none of them allocates much by itself.
fn(() => ({ data: new Array(200_000).fill("abcdefgh") }));
// --- next step
fn((state) => ({ a: state.data, b: state.data, c: state.data, d: state.data }));
// --- next step
fn((state) => ({ a: state, b: state, c: state, d: state }));
// --- next step
fn((state) => ({ a: state, b: state, c: state, d: state }));
