// limit: memory=64 step=500
// ends: kill timeout
// why: intervals of nothing, more than a turn of the loop can run.
fn(() => new Promise(() => {
  for (let i = 0; i < 5000; i++) setInterval(() => {}, 0);
}));
