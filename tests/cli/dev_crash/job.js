fn(state => missing.thing);
