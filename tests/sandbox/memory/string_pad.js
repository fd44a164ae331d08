// limit: memory=48 step=3000
// ends: kill oom
// why: padStart with a long filler, and a regular expression that flattens it.
fn(() => ({ found: /y/.test("y".padStart(2 ** 28, "abc")) }));
