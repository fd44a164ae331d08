// limit: memory=48
// ends: kill oom
// why: listeners are kept in a list that no limit knows of.
fn(() => {
  const target = new EventTarget();
  while (true) target.addEventListener(`event ${Math.random()}`, () => {});
});
