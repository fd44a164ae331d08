// ends: success | fail StateEncodeError | fail RuntimeError
// why: a revoked Proxy answers to nothing, not even whether it is an array.
fn(() => {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  return { data: proxy, list: [proxy], deep: { a: { b: { c: [proxy] } } } };
});
