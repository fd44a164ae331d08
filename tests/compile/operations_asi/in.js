const a = b
fn(1);
[1, 2]
