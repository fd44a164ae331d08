// limit: memory=48
// ends: fail RuntimeError
// why: the timeline of performance marks would be kept for ever, so there are none.
fn(() => {
  for (let i = 0; ; i++) performance.mark(`mark ${i}`);
});
