const a: number = 1;
get<string>($.url);
