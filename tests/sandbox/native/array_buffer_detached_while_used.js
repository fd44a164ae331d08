// ends: success
// why: valueOf of an argument gives the buffer away that a builtin is about to write to.
fn(() => {
  const away = (buffer) => ({ valueOf() { buffer.transfer?.(); return 1; } });
  const made = () => new Uint8Array(100_000).fill(1);
  for (const use of [
    (bytes) => bytes.fill(away(bytes.buffer)),
    (bytes) => bytes.set([1, 2, 3], away(bytes.buffer)),
    (bytes) => bytes.copyWithin(0, away(bytes.buffer), 90_000),
    (bytes) => bytes.slice(away(bytes.buffer), 90_000),
    (bytes) => bytes.subarray(away(bytes.buffer)),
    (bytes) => bytes.indexOf(7, away(bytes.buffer)),
    (bytes) => bytes.with(away(bytes.buffer), 1),
    (bytes) => new DataView(bytes.buffer).setUint8(0, away(bytes.buffer)),
    (bytes) => bytes.sort(() => { bytes.buffer.transfer?.(); return 0; }),
    (bytes) => new TextDecoder().decode(bytes, { get stream() { bytes.buffer.transfer(); return false; } }),
    (bytes) => new TextEncoder().encodeInto({ toString() { bytes.buffer.transfer(); return "x".repeat(1000); } }, bytes),
    (bytes) => new Blob([bytes, { toString() { bytes.buffer.transfer(); return "x"; } }]),
    (bytes) => crypto.getRandomValues(new Proxy(bytes, {})),
    (bytes) => structuredClone({ bytes, get x() { bytes.buffer.transfer(); return 1; } }),
    (bytes) => Object.assign(bytes, { 0: away(bytes.buffer) }),
  ]) {
    try {
      use(made());
    } catch {
      continue;
    }
  }
  return { ok: true };
});
