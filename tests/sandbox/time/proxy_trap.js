// limit: memory=64 step=300
// ends: kill timeout
// why: a Proxy without an end: every prototype has a prototype.
fn(() => {
  const proxy = new Proxy({}, { getPrototypeOf: () => proxy, has: () => { while (true); } });
  return { found: "x" in proxy };
});
