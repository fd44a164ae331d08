// limit: memory=64 step=300
// ends: kill timeout
// why: overflows the stack over and over and catches it each time, at every depth.
fn(() => {
  const deep = () => {
    try {
      deep();
    } catch {
      deep();
    }
  };
  while (true) deep();
});
