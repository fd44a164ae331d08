// limit: memory=64 step=300
// ends: kill timeout
// why: toJSON of a leaf, called while the output is encoded.
fn(() => ({ data: { list: [{ toJSON() { while (true); } }] } }));
