// ends: success
// why: ten thousand signals that depend on one, which is aborted.
fn(() => {
  const controller = new AbortController();
  const signals = Array.from({ length: 10_000 }, () => AbortSignal.any([controller.signal]));
  controller.abort();
  return { aborted: signals.every((signal) => signal.aborted) };
});
