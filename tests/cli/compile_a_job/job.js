fn(state => ({ ...state, n: 1 }));
fn($.data.n);
