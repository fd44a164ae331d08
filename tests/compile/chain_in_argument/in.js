each('$.data[*]', post('/x', $.data).then(s => s));
fn(get('/x').catch(a));
