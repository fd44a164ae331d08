// limit: memory=48
// ends: kill oom
// why: an object in dictionary mode, with internalized keys.
fn(() => {
  const object = {};
  for (let i = 0; ; i++) object[`key${i}`] = i;
});
