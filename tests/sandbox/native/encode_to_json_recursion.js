// ends: fail StateEncodeError
// why: the same started by the encoder, which already stands deep in the stack.
fn(() => {
  const value = { toJSON: () => JSON.stringify([value]) };
  return { data: value, list: [value] };
});
