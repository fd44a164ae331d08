// ends: success
// output: {"ok":true}
// why: lists of what is to be moved by structuredClone: twice the same, views, used in the message, tampered while read.
fn(() => {
  const buffer = () => new ArrayBuffer(64);
  const same = buffer();
  for (const [value, transfer] of [
    [same, [same, same]], [buffer(), [new Uint8Array(3)]], [{}, [null]], [{}, { length: 3 }], [{}, [new ReadableStream()]], [{}, [new Proxy(buffer(), {})]],
    [{ get x() { same.transfer?.(); return same; } }, [same]], [new ReadableStream(), [new ReadableStream()]], [{}, new Proxy([buffer()], { get(target, key) { return key === "length" ? 1e9 : target[0]; } })].slice(0, 1).concat([[buffer()]]),
  ]) {
    try {
      structuredClone(value, { transfer });
    } catch {
      continue;
    }
  }
  return { ok: true };
});
