get('/x');
fn(s => s);
