// limit: memory=64 step=300
// ends: kill timeout
// why: a replacer that never comes back.
fn(() => JSON.stringify({ a: 1 }, () => { while (true); }));
