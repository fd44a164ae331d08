get('/x').catch(a).then(b);
