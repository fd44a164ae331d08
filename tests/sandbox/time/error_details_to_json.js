// limit: memory=64 step=300
// ends: kill timeout
// why: what an error carries besides is stringified.
fn(() => {
  throw Object.assign(new Error("x"), { details: { toJSON() { while (true); } } });
});
