// limit: memory=64 step=300
// ends: kill timeout
// why: a listener that never comes back, called while a signal is aborted by a timer of the host's.
fn(() =>
  new Promise(() => {
    AbortSignal.timeout(10).addEventListener("abort", () => { while (true); });
    setInterval(() => {}, 1000);
  })
);
