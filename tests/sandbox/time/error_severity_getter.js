// limit: memory=64 step=300
// ends: kill timeout
// why: the host reads `severity`.
fn(() => {
  throw { message: "x", get severity() { while (true); } };
});
