fn(util, each);
