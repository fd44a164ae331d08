// ends: success
// output: {"ok":true}
// why: Error.stackTraceLimit is read by V8 whenever an error is made.
fn(() => {
  for (const limit of [-1, 0, NaN, Infinity, 2 ** 31, 2 ** 53, "x", null, undefined, {}, Symbol("x"), 1n]) {
    Error.stackTraceLimit = limit;
    String(new Error("x").stack);
    Error.captureStackTrace({});
  }
  delete Error.stackTraceLimit;
  String(new Error("x").stack);
  return { ok: true };
});
