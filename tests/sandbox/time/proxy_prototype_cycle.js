// limit: memory=64 step=300
// ends: kill timeout | fail RuntimeError
// why: a cycle of prototypes through a Proxy: looking a property up never ends. (V8 may see it as too much recursion.)
fn(() => {
  const object = {};
  const proxy = new Proxy(Object.create(object), {});
  Object.setPrototypeOf(object, proxy);
  return { data: object.missing };
});
