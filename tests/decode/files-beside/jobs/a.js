fn(a);
