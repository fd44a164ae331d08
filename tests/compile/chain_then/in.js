get('/x').then(state => state);
