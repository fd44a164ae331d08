// limit: memory=64 step=300
// ends: kill timeout
// why: cubic backtracking over a long text, through String.prototype.replace.
fn(() => ({ data: `${" ".repeat(20_000)}x`.replace(/\s*\s*\s*$/g, "") }));
