fn($.count = $.count + 1);
fn($.count++);
