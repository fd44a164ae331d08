// ends: success
// output: {"ok":true}
// why: a resizable buffer shrinks under the host's feet: in the console, the decoder, the random numbers, the encoder.
fn(() => {
  const made = () => {
    const buffer = new ArrayBuffer(60_000, { maxByteLength: 60_000 });
    return [buffer, new Uint8Array(buffer)];
  };
  for (const use of [
    ([buffer, bytes]) => bytes.fill({ valueOf() { buffer.resize(1); return 1; } }),
    ([buffer, bytes]) => new TextDecoder().decode(bytes, { get stream() { buffer.resize(1); return false; } }),
    ([buffer, bytes]) => new TextEncoder().encodeInto({ toString() { buffer.resize(1); return "x".repeat(50_000); } }, bytes),
    ([, bytes]) => crypto.getRandomValues(bytes),
    ([buffer, bytes]) => new Blob([bytes, { toString() { buffer.resize(0); return "x"; } }]),
    ([buffer, bytes]) => structuredClone({ bytes, get x() { buffer.resize(0); return 1; } }),
    ([buffer, bytes]) => console.log(bytes, buffer, buffer.resize(0)),
  ]) {
    try {
      use(made());
    } catch {
      continue;
    }
  }
  return { ok: true };
});
