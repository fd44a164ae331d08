// ends: success | fail RuntimeError
// why: what is logged logs itself while it is looked at. (It runs out of stack.)
fn(() => {
  const value = { get x() { console.log(value); return 1; }, [Symbol.for("Deno.customInspect")]() { console.log(value); return "x"; } };
  console.log(value);
  return { ok: true };
});
