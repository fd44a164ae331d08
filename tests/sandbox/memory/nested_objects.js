// limit: memory=48
// ends: kill oom
// why: a list linked through millions of objects: the marker's own work list grows with it (isolated-vm heap-limit-nested).
fn(() => {
  let head = null;
  while (true) head = { next: head, also: { head } };
});
