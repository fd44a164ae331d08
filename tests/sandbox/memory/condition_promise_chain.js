// limit: memory=48
// condition: (() => { const again = () => Promise.resolve().then(again); again(); return true; })()
// ends: kill oom
// why: each promise waits for the next one, so a chain of microtasks that a condition leaves behind keeps all of them.
fn((state) => state);
// --- next step
fn((state) => state);
