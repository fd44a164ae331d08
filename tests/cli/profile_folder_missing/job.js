fn(state => state);
