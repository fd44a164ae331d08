// ends: fail RuntimeError | fail JobError
// why: a revoked Proxy is thrown.
fn(() => {
  const { proxy, revoke } = Proxy.revocable(new Error("x"), {});
  revoke();
  throw proxy;
});
