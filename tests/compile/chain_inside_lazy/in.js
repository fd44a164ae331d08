fn({ a: $.x, b: get('/x').then(a) });
