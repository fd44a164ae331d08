// ends: success
// output: {"cloned":[]}
// why: objects of the host's have hidden parts that must not be copied or moved by a clone.
fn(() => {
  const cloned = [];
  const objects = { stream: new ReadableStream(), writable: new WritableStream(), transform: new TransformStream(), signal: new AbortController().signal, url: new URL("http://a.b"), decoder: new TextDecoder(), performance, crypto, console, proxy: new Proxy({}, {}), promise: Promise.resolve(), weak: new WeakMap(), symbol: Symbol("x"), fn: () => {} };
  for (const [name, value] of Object.entries(objects)) {
    try {
      const clone = structuredClone({ value });
      if (typeof clone.value === "object" && Reflect.ownKeys(clone.value).length > 0) cloned.push(name);
      structuredClone(value, { transfer: [value] });
      cloned.push(`${name} moved`);
    } catch {
      continue;
    }
  }
  return { cloned: cloned.filter((name) => !/^(console|url|crypto|performance|decoder)$/.test(name)) };
});
