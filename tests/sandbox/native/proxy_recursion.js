// ends: fail RuntimeError
// why: a Proxy whose prototype is itself: lookups recurse in C++.
fn(() => {
  const proxy = new Proxy({}, { get: (target, key, receiver) => Reflect.get(receiver, key, receiver) });
  return { data: proxy.x };
});
