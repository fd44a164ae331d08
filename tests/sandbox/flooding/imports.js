// ends: success
// why: thousands of refused imports at once, each of which the host remembers as "the last refused".
fn(async () => {
  const all = await Promise.allSettled(Array.from({ length: 2000 }, (_, i) => import(`nothing ${i}`)));
  return { rejected: all.filter((one) => one.status === "rejected").length };
});
