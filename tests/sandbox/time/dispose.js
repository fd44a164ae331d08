// limit: memory=64 step=300
// ends: kill timeout
// why: disposers of a block run when it is left.
fn(() => {
  {
    using resource = { [Symbol.dispose]() { while (true); } };
    if (!resource) return {};
  }
  return { ok: true };
});
