namespace A { export const x = 1 }
enum B { C = 2 }
fn(s => ({ ...s, x: A.x, c: B.C }));
