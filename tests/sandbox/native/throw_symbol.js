// ends: fail JobError
// why: a symbol cannot become a text by itself.
fn(() => {
  throw Symbol("x");
});
