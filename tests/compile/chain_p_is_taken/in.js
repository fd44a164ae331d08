const p = a => a;
get('/x').then(p);
get('/y').then(p1 => p1);
