// limit: memory=48
// ends: kill oom
// why: the same without keeping the WeakRefs themselves: the list of this turn's targets grows all the same.
fn(() => {
  while (true) new WeakRef({ large: new Array(100) });
});
