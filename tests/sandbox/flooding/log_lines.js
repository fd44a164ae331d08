// limit: memory=64 step=500
// ends: kill timeout
// why: lines as fast as they can be made; whoever reads them slows the job down, and some must be dropped with a count.
fn(() => {
  for (let i = 0; ; i++) console.log("line", i);
});
