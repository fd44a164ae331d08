get('/x').catch(...handlers);
