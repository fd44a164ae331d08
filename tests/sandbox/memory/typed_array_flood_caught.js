// ends: kill oom
// why: a job that would catch the refusal and try again for ever.
fn(() => {
  const kept = [];
  while (true) {
    try {
      kept.push(new Uint8Array(1 << 20).fill(1));
    } catch {
      continue;
    }
  }
});
