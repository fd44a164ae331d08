// ends: fail StateEncodeError | fail RuntimeError
// why: the same for the encoder to read.
fn(() => {
  let proxy = {};
  for (let i = 0; i < 500_000; i++) proxy = new Proxy(proxy, {});
  return { data: proxy };
});
