// ends: success
// why: a hundred thousand keys at the top of the state, private ones among them.
fn(() => Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`${i % 2 ? "_" : ""}k${i}`, i])));
// --- next step
fn((state) => ({ count: Object.keys(state).length }));
