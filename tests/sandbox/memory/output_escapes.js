// limit: memory=48
// ends: kill oom
// why: one control character is six bytes of JSON: 30 MB of string are 180 MB of output.
fn(() => ({ data: "\u0001".repeat(30 << 20) }));
