createMap(new Map(), ErrorHandler, Error, arguments, undefined, JSON, fetch, $.a, state);
upsert($.data).then(console.log);
