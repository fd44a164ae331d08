fn($.pick($.key));
fn($.a.b.pick($.key, 1));
