fn($ => $.a.b);
fn(($) => {
  return $.a;
});
