// limit: memory=48
// ends: fail RuntimeError
// why: a rope that doubles: nothing is allocated, V8 itself refuses its length at 2^29.
fn(() => {
  let text = "x";
  while (true) text += text;
});
