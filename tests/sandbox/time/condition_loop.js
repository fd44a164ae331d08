// limit: memory=64 step=300
// condition: (() => { while (true); })()
// ends: kill timeout
// why: a condition that never comes back.
fn((state) => state);
// --- next step
fn((state) => state);
