// ends: success
// output: {"found":[]}
// why: the functions behind deleted globals, looked for in everything that the host's objects are made of.
fn(() => {
  const found = new Set();
  const seen = new Set();
  const visit = (value) => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
    seen.add(value);
    const tag = Object.getOwnPropertyDescriptor(value, Symbol.toStringTag)?.value;
    if (tag === "Atomics" || tag === "WebAssembly" || tag === "SharedArrayBuffer") found.add(tag);
    if (typeof value === "function" && /^op_/.test(String(Object.getOwnPropertyDescriptor(value, "name")?.value))) found.add(value.name);
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key);
      visit(descriptor.value);
      visit(descriptor.get);
      visit(descriptor.set);
      if (typeof key === "symbol") {
        try {
          visit(value[key]);
        } catch {
          continue;
        }
      }
    }
    visit(Object.getPrototypeOf(value));
  };
  visit(globalThis);
  visit(new ReadableStream().getReader());
  visit(new WritableStream().getWriter());
  visit(new TransformStream());
  visit(new CompressionStream("gzip"));
  visit(new Blob(["x"]).stream());
  visit(new AbortController());
  visit(new URL("http://a.b").searchParams);
  visit(new TextDecoder("utf-16le"));
  visit(new DOMException("x", "y"));
  visit(new CustomEvent("x"));
  visit(performance);
  return { found: [...found] };
});
