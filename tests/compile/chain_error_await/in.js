get('/x').then(await handler());
