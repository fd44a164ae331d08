// input: {"data":{"a":[1,2,3],"b":{"c":1}}}
// ends: success
// output: {"data":{"a":[1,2,3],"b":{"c":1}}}
// why: a Proxy around the view of a state, and a view as the prototype of something else: its lazy properties meet wrong receivers.
fn((state) => {
  const other = Object.create(state.data);
  other.own = other.a;
  const proxy = new Proxy(state.data, { get: (target, key) => Reflect.get(target, key, other) });
  return { data: proxy };
});
