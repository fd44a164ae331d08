// limit: memory=64 step=300
// ends: kill timeout
// why: a timer that sets the next one, and a step that waits for them.
fn(() =>
  new Promise(() => {
    const again = () => setTimeout(again, 0);
    again();
  })
);
