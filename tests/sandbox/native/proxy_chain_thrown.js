// ends: fail RuntimeError | fail JobError
// why: the same thrown, so that the host asks it for its name.
fn(() => {
  let proxy = new Error("x");
  for (let i = 0; i < 500_000; i++) proxy = new Proxy(proxy, {});
  throw proxy;
});
