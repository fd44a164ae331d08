http.get('/x');
util.a.b(1);
