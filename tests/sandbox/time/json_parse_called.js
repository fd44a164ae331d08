// limit: memory=64 step=300
// ends: kill timeout
// why: a loop that calls a function of its own is looked at in each turn, however long the builtin in it takes.
const text = `[${"[1,2,3],".repeat(30_000)}0]`;
const once = (suffix) => JSON.parse(text + suffix);
fn(() => {
  while (true) once(" ");
});
