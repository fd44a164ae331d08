get((s) => `hello ${$.data}`);
