// limit: memory=64 step=1500
// ends: fail JobError
// why: timers without a number: each is an object of the host's.
fn(() => {
  while (true) setTimeout(() => {}, 1e9);
});
