// limit: memory=64 step=300
// ends: kill timeout
// why: the end of a run is no exception that catch or finally could hold up.
fn(() => {
  while (true) {
    try {
      while (true);
    } catch {
      continue;
    } finally {
      continue;
    }
  }
});
