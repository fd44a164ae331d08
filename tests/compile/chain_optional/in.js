get('/x')?.then(a);
