// limit: memory=64 step=2000
// ends: success | kill oom | kill timeout
// why: AbortSignal.timeout is a timer that a job cannot clear; the next step must not wait for it.
fn(() => {
  for (let i = 0; i < 10_000; i++) AbortSignal.timeout(1e8);
  return { ok: true };
});
// --- next step
fn(() => ({ ok: true }));
