// ends: success
// output: {"ok":true}
// why: ten thousand lines are told in order and cost no more than they must.
fn(() => {
  for (let i = 0; i < 10_000; i++) console.log(`line ${i}`);
  return { ok: true };
});
