get('/x').catch(a).then(b).catch(d);
