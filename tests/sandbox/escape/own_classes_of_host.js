// ends: success
// output: {"leaked":[]}
// why: subclasses of the host's classes see what their constructors call, and internal symbols.
fn(() => {
  const leaked = [];
  for (const Kind of [EventTarget, Blob, URL, URLSearchParams, TextDecoder, ReadableStream, WritableStream, TransformStream, DOMException, Event, AbortController]) {
    class Own extends Kind {}
    let made;
    try {
      made = Kind === URL ? new Own("http://a.b") : Kind === Event ? new Own("x") : new Own();
    } catch (error) {
      leaked.push(`${Kind.name}: ${error.message}`);
      continue;
    }
    for (const key of Reflect.ownKeys(made)) {
      const value = made[key];
      if (typeof value === "function" && /native code/.test(Function.prototype.toString.call(value)) && /^op_/.test(value.name)) leaked.push(`${Kind.name}.${String(key)}`);
    }
  }
  return { leaked };
});
