// limit: memory=48
// ends: kill oom
// why: private keys live as JavaScript values from step to step and are in no state's size.
fn((state) => ({ ...state, _kept: [new Array(2_000_000).fill(1.5)] }));
// --- next step
fn((state) => ({ ...state, _kept: [state._kept, new Array(2_000_000).fill(1.5)] }));
// --- next step
fn((state) => ({ ...state, _kept: [state._kept, new Array(2_000_000).fill(1.5)] }));
// --- next step
fn((state) => ({ ...state, _kept: [state._kept, new Array(2_000_000).fill(1.5)] }));
