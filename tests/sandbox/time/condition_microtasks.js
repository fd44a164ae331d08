// limit: memory=64 step=300
// condition: (() => { const again = () => { Promise.resolve().then(again); }; again(); return true; })()
// ends: kill timeout
// why: a condition that leaves an endless chain of microtasks behind.
fn((state) => state);
// --- next step
fn((state) => state);
