// limit: memory=48 step=3000
// ends: kill oom | fail RuntimeError
// why: normalize() expands one character to eighteen, in ICU's own memory and not in V8's.
fn(() => ({ length: "\uFDFA".repeat(10_000_000).normalize("NFKD").length }));
