const _defer = 1;
get('/x').then(_defer);
