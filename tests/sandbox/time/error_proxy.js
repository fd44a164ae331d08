// limit: memory=64 step=300
// ends: kill timeout
// why: a Proxy is thrown; whatever is read of it never comes.
fn(() => {
  throw new Proxy(new Error("x"), { get() { while (true); }, getPrototypeOf() { while (true); } });
});
