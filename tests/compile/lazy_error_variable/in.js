const x = $.data;
fn(x);
