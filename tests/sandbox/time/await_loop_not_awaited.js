// limit: memory=64 step=300
// ends: kill timeout
// why: an endless async function that nobody waits for, beside a step that has long returned.
fn((state) => {
  (async () => {
    while (true) await null;
  })();
  return state;
});
