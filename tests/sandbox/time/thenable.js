// limit: memory=64 step=300
// ends: kill timeout
// why: what the operation returns has a `then` that never comes back; the host's await calls it.
fn(() => ({ then() { while (true); } }));
