// limit: memory=48 step=3000
// ends: kill oom
// why: replaceAll of nothing multiplies two lengths.
fn(() => ({ length: "x".repeat(20_000).replaceAll("", "y".repeat(10_000)).charCodeAt(1e6) }));
