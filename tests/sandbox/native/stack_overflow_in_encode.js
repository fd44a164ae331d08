// ends: success | fail StateEncodeError
// why: a toJSON that fills the stack and then gives something for the encoder to go on with.
fn(() => {
  const deep = () => { try { return deep(); } catch { return JSON.stringify({ a: [1, { toJSON: () => 2 }] }); } };
  return { data: [{ toJSON: deep }], more: { get x() { return deep(); } } };
});
