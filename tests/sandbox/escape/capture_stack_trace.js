// ends: success
// output: {"stack":"string","leaked":false}
// why: captureStackTrace puts a stack on any object, also on Proxies and frozen ones; it names no file of ours.
fn(() => {
  const target = {};
  Error.captureStackTrace(target);
  try {
    Error.captureStackTrace(new Proxy({}, { defineProperty() { throw new Error("x"); } }));
    Error.captureStackTrace(Object.freeze({}));
  } catch {
    // As it likes.
  }
  return { stack: typeof target.stack, leaked: /ext:|fulgurite:|\.rs/.test(target.stack) };
});
