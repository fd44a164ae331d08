// limit: memory=64 step=500
// ends: kill timeout
// why: lines without a byte cost events all the same.
fn(() => {
  while (true) console.log("");
});
