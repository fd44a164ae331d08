// limit: memory=64 step=300
// ends: kill timeout
// why: the queue of microtasks never runs empty, so the event loop never turns (isolated-vm microtask-timeout).
fn(() => {
  const again = () => {
    Promise.resolve().then(again);
  };
  again();
});
