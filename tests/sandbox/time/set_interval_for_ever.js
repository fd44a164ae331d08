// limit: memory=64 step=300
// ends: kill timeout
// why: an interval that never lets the event loop become idle.
fn(() => new Promise(() => setInterval(() => {}, 0)));
