// ends: success
// output: {"fired":10000}
// why: ten thousand timers at once all fire.
fn(async () => {
  let fired = 0;
  await new Promise((resolve) => {
    for (let i = 0; i < 10_000; i++) setTimeout(() => { if (++fired === 10_000) resolve(); }, i % 10);
  });
  return { fired };
});
