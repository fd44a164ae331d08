get('/x' as string).then(next => next);
