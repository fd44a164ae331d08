// limit: memory=64 step=3000
// ends: kill oom | kill timeout | crash ExecutionError
// why: the host keeps each rejection until the turn ends, which it never does. (Whichever limit is first.)
fn(() => {
  for (let i = 0; ; i++) Promise.reject(i);
});
