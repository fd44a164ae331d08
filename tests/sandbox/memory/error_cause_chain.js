// limit: memory=48
// ends: kill oom
// why: errors linked by their causes.
fn(() => {
  let error = new Error("first");
  while (true) error = new Error("next", { cause: error });
});
