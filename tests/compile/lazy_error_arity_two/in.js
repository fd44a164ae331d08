get((state, b) => `hello ${$.data}`);
