// ends: fail AdaptorError
// why: a revoked Proxy is the state, which the adaptor looks into.
fn(() => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
});
