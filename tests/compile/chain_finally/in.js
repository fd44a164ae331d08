get('/x').finally(done);
get('/x').then(a).finally(done);
