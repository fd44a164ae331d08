post('/x', ...$.rest);
