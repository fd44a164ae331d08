// limit: memory=64 step=3000
// ends: success | fail RuntimeError | crash RuntimeCrash | kill oom | kill timeout
// why: a regular expression of 8 MB: its tree and its code are in zones that no heap limit knows. (Too large, or not.)
fn(() => ({ ok: new RegExp("[ab]c".repeat(2_000_000)).test("ac".repeat(100)) }));
