// limit: memory=64 step=300
// ends: kill timeout
// why: a getter that never comes back, read by the job.
fn(() => ({ data: { get x() { while (true); } }.x }));
