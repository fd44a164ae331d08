get($.url, { q: $.q }).then(state => state.data);
get('/x').then($.next);
