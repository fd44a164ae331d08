const a = 1;
fn(a);
let b = 2;

function f() {}
get(b);
