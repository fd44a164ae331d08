// ends: fail RuntimeError
// why: 500,000 Proxies around one object: every operation recurses through all of them in C++.
fn(() => {
  let proxy = {};
  for (let i = 0; i < 500_000; i++) proxy = new Proxy(proxy, {});
  return { data: proxy.x };
});
