// limit: memory=48
// ends: kill oom
// why: toJSON makes up a new megabyte each time that it is asked.
fn(() => {
  let count = 0;
  const large = { toJSON: () => `${count++}`.repeat(1 << 20) };
  return { data: new Array(1000).fill(large) };
});
