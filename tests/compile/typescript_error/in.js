type A = { b: };
fn((x: A) => x);
