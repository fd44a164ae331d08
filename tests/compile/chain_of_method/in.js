http.get('/x').then(a);
http.get('/x').other().then(a);
