// ends: fail StateEncodeError | fail RuntimeError
// why: a revoked Proxy is the output, and no adaptor looks at it first.
export default [() => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}];
