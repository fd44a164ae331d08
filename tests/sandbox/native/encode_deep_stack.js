// limit: step=1000
// ends: success | fail StateEncodeError | fail RuntimeError | kill timeout
// why: each getter lets the encoder's own recursion go one deeper and overflows the stack by itself. (A debug build may be slow.)
fn(() => {
  const overflow = () => overflow();
  const make = (depth) => ({
    get a() {
      try {
        overflow();
      } catch {
        return depth ? make(depth - 1) : 1n;
      }
    },
  });
  return { data: make(60) };
});
