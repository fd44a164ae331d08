// limit: memory=64 step=300
// ends: kill timeout
// why: loops made of continue and labels only.
fn(() => {
  outer: for (;;) {
    inner: for (;;) {
      switch (1) {
        case 1:
          continue outer;
        default:
          continue inner;
      }
    }
  }
});
