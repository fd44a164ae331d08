get('/x').catch((error, state) => state);
