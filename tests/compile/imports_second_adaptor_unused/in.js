get(1);
fn(3);
