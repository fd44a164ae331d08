const a = 1;
get(a)
  .then(b);
fn(2);
