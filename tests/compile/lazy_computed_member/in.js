get($['first name']);
get($[0]);
