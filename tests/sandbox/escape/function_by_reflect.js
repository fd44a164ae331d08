// ends: kill security
// why: Reflect.construct with another new.target.
fn(() => Reflect.construct(Function, ["return 1"], class {})());
