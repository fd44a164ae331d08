post('/x', { id: $.id, token: await token() });
