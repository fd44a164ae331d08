const step = get('/x').then(a);
fn(step);
