// limit: memory=48
// ends: kill oom
// why: the registry of Symbol.for never forgets.
fn(() => {
  for (let i = 0; ; i++) Symbol.for(`symbol ${i}`);
});
