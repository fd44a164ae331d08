// limit: memory=64 step=500
// ends: fail StateEncodeError | kill timeout
// why: a million arrays in each other. (V8 looks for cycles by comparing with all that is above: quadratic, so time may be up first.)
fn(() => {
  let value = [];
  for (let i = 0; i < 1_000_000; i++) value = [value];
  return { data: value };
});
