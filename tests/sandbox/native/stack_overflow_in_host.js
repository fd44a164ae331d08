// ends: success
// why: at the edge of the stack every function of the host's is called; none may go over it.
fn(() => {
  const uses = [
    () => console.log({ a: [1] }), () => setTimeout(() => {}, 0), () => structuredClone({ a: [1] }), () => new URL("http://a.b/c?d=e"), () => new TextEncoder().encode("x"),
    () => new TextDecoder().decode(new Uint8Array(9)), () => atob(btoa("x")), () => crypto.randomUUID(), () => new Blob(["x"]), () => new ReadableStream({ start() {} }).tee(), () => new CompressionStream("gzip"),
    () => new AbortController().abort(), () => new EventTarget().dispatchEvent(new Event("x")), () => performance.mark("x"), () => new Error("x").stack, () => queueMicrotask(() => {}), () => new URLPattern({ pathname: "/:a" }),
    () => JSON.stringify(JSON.parse('{"a":[1]}')), () => new Intl.NumberFormat("de").format(1), () => /(a+)+b/.test("aaaa"), () => import("x").catch(() => {}), () => new DOMException("x"), () => [3, 1, 2].sort((a, b) => a - b), () => "x".localeCompare("y"),
  ];
  let count = 0;
  for (const use of uses) {
    const deep = () => {
      try {
        deep();
      } catch {
        // The stack is full here and at some hundred levels above.
      }
      if (count++ < 400) {
        try {
          use();
        } catch {
          return;
        }
      }
    };
    count = 0;
    deep();
  }
  return { ok: true };
});
