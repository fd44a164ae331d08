// limit: step=5000 cpu=300
// ends: kill cpu
// why: what the encoder makes a job do counts, too.
fn(() => ({ data: { toJSON() { while (true); } } }));
