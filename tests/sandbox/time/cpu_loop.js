// limit: step=5000 cpu=300
// ends: kill cpu
// why: time on the processor is its own limit and its own reason.
fn(() => {
  while (true);
});
