get('/x').then(a).catch(b);
