get('/x').catch(a).catch(b);
