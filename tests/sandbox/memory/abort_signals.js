// limit: memory=48 step=3000
// ends: kill oom | kill timeout
// why: signals that depend on each other, in the host's weak sets. (Each new one goes through all before it: time may be up first.)
fn(() => {
  const first = new AbortController();
  const kept = [];
  let signal = first.signal;
  while (true) {
    signal = AbortSignal.any([first.signal, signal]);
    kept.push(signal);
  }
});
