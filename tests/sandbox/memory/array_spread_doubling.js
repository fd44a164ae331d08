// limit: memory=48
// ends: kill oom
// why: a spread doubles the array in one builtin, past any check between two statements (isolated-vm heap-limit-array-spread).
fn(() => {
  let all = [1];
  while (true) all = [...all, ...all];
});
