// limit: memory=64 step=1000
// ends: fail RuntimeError | kill timeout
// why: a stack of ten thousand frames, each mapped back to the source. (A debug build may be slow.)
fn(() => {
  Error.stackTraceLimit = 1e9;
  const deep = () => deep();
  deep();
});
