// ends: success
// output: {"fine":false}
// why: a fine clock is what side channels are measured with.
fn(() => {
  const steps = new Set();
  for (let i = 0; i < 20_000; i++) steps.add(performance.now() % 1);
  return { fine: steps.size > 3 };
});
