// ends: success
// output: {"same":true}
// why: the step's own adaptor is one module, however often it is asked for.
fn(async () => {
  const all = await Promise.all(Array.from({ length: 2000 }, () => import("@openfn/language-common")));
  return { same: all.every((one) => one === all[0]) };
});
