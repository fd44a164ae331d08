// limit: cpu=300
// ends: success
// why: a job that sleeps uses no processor.
fn(async () => {
  await new Promise((resolve) => setTimeout(resolve, 700));
  return { ok: true };
});
