get('/x').then(post('/y').then(a)).then(b);
