// limit: memory=64 step=300
// ends: kill timeout
// why: the same in the bytecode interpreter of irregexp and backwards.
fn(() => ({ found: /(?<=^(?:a|aa|a?a)+)$/.test(`b${"a".repeat(60)}`) }));
