// ends: kill security
// why: bound and applied, from inside a builtin.
fn(() => ["return 1"].map(Function.prototype.call.bind(Function, null)).map((made) => made()));
