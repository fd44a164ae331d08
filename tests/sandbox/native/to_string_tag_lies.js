// ends: success
// why: objects that say to be something else: promises, arrays, streams, dates, Proxies.
fn(() => ({
  promise: { [Symbol.toStringTag]: "Promise" },
  array: { [Symbol.toStringTag]: "Array", length: 2 ** 31 },
  stream: Object.create(ReadableStream.prototype),
  date: Object.create(Date.prototype, { toJSON: { value: undefined } }),
  error: Object.create(Error.prototype),
  map: Object.create(Map.prototype),
  string: Object.create(String.prototype, { toJSON: { value: undefined } }),
}));
