get('/x').catch();
get('/x').catch().then(a);
