// ends: success
// output: {"refused":6,"ok":3}
// why: resizable buffers are refused by every way to the constructor, and all others are as they were.
fn(() => {
  const options = { maxByteLength: 100 };
  const ways = [
    () => new ArrayBuffer(1, options),
    () => Reflect.construct(ArrayBuffer, [1, options]),
    () => new (class extends ArrayBuffer {})(1, options),
    () => new (new Uint8Array(1).buffer.constructor)(1, options),
    () => new (ArrayBuffer.prototype.constructor)(1, options),
    () => Reflect.construct(ArrayBuffer[Symbol.species], [1, options]),
  ];
  let refused = 0;
  for (const way of ways) {
    try {
      if (!way().resizable) refused++;
    } catch {
      refused++;
    }
  }
  const ok = [
    new ArrayBuffer(3).byteLength === 3 && new ArrayBuffer(3) instanceof ArrayBuffer && ArrayBuffer.isView(new Uint8Array(1)),
    new (class Own extends ArrayBuffer {})(2).slice(1).constructor.name === "Own",
    structuredClone(new ArrayBuffer(4)).byteLength === 4 && new ArrayBuffer().byteLength === 0,
  ];
  return { refused, ok: ok.filter(Boolean).length };
});
