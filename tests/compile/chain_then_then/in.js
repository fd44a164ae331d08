get('/x').then(a).then(b);
