fn(b);
