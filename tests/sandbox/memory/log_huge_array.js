// limit: memory=48
// ends: kill oom | success
// why: the console looks into nested values with code of its own. (It looks at the first hundred elements only.)
fn(() => {
  const wide = (depth) => (depth ? Array.from({ length: 90 }, () => wide(depth - 1)) : "x".repeat(100));
  console.log(wide(3));
  console.dir(wide(2), { depth: null, maxArrayLength: null, maxStringLength: null });
  return { ok: true };
});
