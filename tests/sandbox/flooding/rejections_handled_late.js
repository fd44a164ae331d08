// ends: success | crash ExecutionError
// why: rejections that are handled a turn later. (When exactly a rejection counts as not handled is the host's choice.)
fn(async () => {
  const rejected = Array.from({ length: 1000 }, () => Promise.reject(new Error("x")));
  await new Promise((resolve) => setTimeout(resolve, 0));
  await Promise.allSettled(rejected);
  return { ok: true };
});
