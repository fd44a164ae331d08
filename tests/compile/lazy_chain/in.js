get($.a.b.c.d);
