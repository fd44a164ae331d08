// ends: success
// why: things that look like streams, with methods that throw, on the state and handed on.
fn(() => {
  const bad = () => { throw new Error("x"); };
  return { a: { pipe: bad, read: bad, on: bad }, b: { [Symbol.asyncIterator]: bad }, c: Object.create(ReadableStream.prototype), d: [new ReadableStream(), { pipe: 1 }] };
});
// --- next step
fn((state) => ({ ...state, list: [state.a, state.b] }));
