// limit: memory=64 step=300
// ends: kill timeout
// why: Array.fromAsync over something that says that it has 2^53 elements and has none.
fn(async () => ({ data: await Array.fromAsync({ get length() { while (true); } }) }));
