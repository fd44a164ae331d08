export default [get('/x').then(a), fn(b)];
