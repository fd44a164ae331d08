fn(state => state);
$.data = 20;
