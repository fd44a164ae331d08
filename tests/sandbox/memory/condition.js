// limit: memory=48
// condition: (() => { const all = []; while (true) all.push({}); })()
// ends: kill oom
// why: a condition is user code, too, and has no step around it.
fn((state) => state);
// --- next step
fn((state) => state);
