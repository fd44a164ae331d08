// ends: success | fail StateEncodeError
// why: cycles through arrays, Errors, toJSON, getters and Proxies.
fn(() => {
  const data = { list: [] };
  data.list.push(data, data.list, new Error("x", { cause: data }), { get x() { return data; } }, new Proxy(data, {}), { toJSON: () => data });
  const error = new Error("x");
  error.self = error;
  return { data, error };
});
