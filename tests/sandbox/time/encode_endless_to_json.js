// limit: memory=64 step=300
// ends: kill timeout | kill oom | fail StateEncodeError
// why: each toJSON gives an object with a toJSON below. (Depth, memory and time are all limits that it may run into first.)
fn(() => {
  const again = () => ({ toJSON: () => ({ again: again() }) });
  return { data: again() };
});
