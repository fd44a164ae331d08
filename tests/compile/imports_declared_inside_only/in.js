fn(get => get(1));
get(2);
