fn(1);
get(2);
post(3);
