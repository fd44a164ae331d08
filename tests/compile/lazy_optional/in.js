get($.a?.b.c);
get($?.a);
