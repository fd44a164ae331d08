get('/x').catch($.handler);
