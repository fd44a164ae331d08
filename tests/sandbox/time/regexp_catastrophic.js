// limit: memory=64 step=300
// ends: kill timeout
// why: exponential backtracking, in code of irregexp's that is no JavaScript.
fn(() => ({ found: /^(a+)+$/.test(`${"a".repeat(40)}b`) }));
