const token = await login().then(r => r.token);
get('/x', { token });
