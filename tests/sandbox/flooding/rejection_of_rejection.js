// ends: crash ExecutionError
// why: what is rejected with reads like a trap: a Proxy, a getter that rejects again.
fn(async (state) => {
  const trap = new Proxy({}, { get() { Promise.reject(new Error("again")); throw new Error("trap"); } });
  Promise.reject(trap);
  await new Promise((resolve) => setTimeout(resolve, 10));
  return state;
});
