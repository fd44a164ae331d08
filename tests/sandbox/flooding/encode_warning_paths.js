// ends: success | fail StateEncodeError
// logs: 2
// why: a warning names its path, whose keys are long here.
fn(() => {
  const value = {};
  value.self = value;
  let at = value;
  for (let i = 0; i < 10; i++) at = { ["k".repeat(10_000)]: at };
  return { data: at };
});
