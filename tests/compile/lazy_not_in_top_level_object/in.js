const x = { x: $.data };
fn($.data);
