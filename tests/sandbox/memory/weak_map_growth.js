// limit: memory=32 step=1500
// ends: kill oom | kill timeout
// why: ephemerons that keep each other alive cost the collector a pass for each link. (Time may be up first.)
fn(() => {
  const map = new WeakMap();
  const first = {};
  let key = first;
  while (true) {
    const next = {};
    map.set(key, next);
    key = next;
  }
});
