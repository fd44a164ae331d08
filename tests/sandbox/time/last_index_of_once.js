// limit: memory=64 step=300
// ends: kill timeout
// why: lastIndexOf has no clever algorithm: one call compares 4 * 10^12 characters.
fn(() => ({ at: "a".repeat(2 ** 22).lastIndexOf(`${"a".repeat(2 ** 21)}b`) }));
