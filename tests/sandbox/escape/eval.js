// ends: kill security
// why: code from a string.
fn(() => eval("1 + 1"));
