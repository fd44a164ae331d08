// input: {"data":{"a":{"x":[1]},"b":{"y":2},"c":{"z":3}},"more":[1,2,3]}
// ends: success
// output: {"data":{"b":{"y":2},"a":1},"more":"gone"}
// why: lazy properties of a view are deleted, redefined, frozen and asked again in every order.
fn((state) => {
  const { data } = state;
  Object.defineProperty(data, "a", { get: () => data.b, configurable: true });
  delete data.a;
  data.a = 1;
  delete data.c;
  Object.freeze(data.b);
  Object.seal(data);
  Object.defineProperty(state, "more", { value: "gone", writable: false });
  return state;
});
