// limit: memory=48
// ends: kill oom
// why: a job that goes on allocating in catch and finally while it is being ended.
fn(() => {
  const all = [];
  function more() {
    try {
      while (true) all.push({});
    } catch {
      while (true) all.push({});
    } finally {
      while (true) all.push({});
    }
  }
  try {
    more();
  } finally {
    more();
  }
});
