// limit: memory=300 step=2000
// ends: success | fail RuntimeError | fail JobError | kill oom | kill timeout
// why: texts of 8 MB into every function of the host's that takes one. (Whether one is refused, or all are too much, is open.)
fn(() => {
  const text = "x".repeat(2 ** 23);
  const wide = "\u00e9".repeat(2 ** 22);
  for (const use of [
    () => new URL(`http://a.b/${text}`), () => new URL(text), () => new URLSearchParams(wide), () => btoa(text), () => atob(text), () => new TextEncoder().encode(wide), () => new TextEncoder().encodeInto(text, new Uint8Array(3)),
    () => new Blob([wide]), () => new File([text], text), () => new DOMException(text, text), () => new Event(text), () => performance.mark(text), () => new TextDecoder(text), () => new CompressionStream(text),
    () => Symbol.for(text), () => structuredClone({ text }), () => setTimeout(() => {}, text), () => new Intl.Locale(text),
  ]) {
    try {
      use();
    } catch {
      continue;
    }
  }
  return { ok: true };
});
