// limit: memory=64 step=300
// ends: kill timeout
// why: the state is a Proxy whose keys never come.
fn(() => new Proxy({}, { ownKeys() { while (true); } }));
