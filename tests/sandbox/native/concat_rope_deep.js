// ends: success | fail RuntimeError
// why: a rope of a million levels is flattened, which once was recursive. (The output may be too large, never the stack.)
fn(() => {
  let text = "";
  for (let i = 0; i < 1_000_000; i++) text = i % 2 ? `a${text}` : `${text}b`;
  return { data: text.charCodeAt(500_000) };
});
