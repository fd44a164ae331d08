get(1);
each(2);
fn(3);
