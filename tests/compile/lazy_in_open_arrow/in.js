get(state => `hello ${$.data}`);
get((state) => $.url);
get(async state => $.url);
