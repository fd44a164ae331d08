// limit: memory=48
// ends: kill oom
// why: a thousand ropes of 1 MB on the state: each is fine, their sum is not.
fn(() => ({ data: Array.from({ length: 1000 }, (_, i) => `${i}`.repeat(500_000)) }));
