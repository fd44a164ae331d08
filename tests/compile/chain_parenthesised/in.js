(get('/x')).then(a);
(get('/x').then(a)).then(b);
