// limit: memory=48
// ends: kill oom
// why: a rope of 150 MB on the state is only made real by the encoder.
fn(() => ({ data: "x".repeat(150 * 2 ** 20) }));
