// limit: memory=64 step=600
// ends: kill timeout
// why: each step has its own clock; the second one runs out.
fn(async (state) => {
  await new Promise((resolve) => setTimeout(resolve, 400));
  return state;
});
// --- next step
fn(async () => {
  while (true) await new Promise((resolve) => setTimeout(resolve, 1));
});
