// limit: memory=48
// ends: kill oom
// why: a Proxy around a Proxy around a Proxy…
fn(() => {
  let proxy = {};
  while (true) proxy = new Proxy(proxy, {});
});
