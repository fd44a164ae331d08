// ends: success
// output: {"crashed":false}
// why: every method and getter of the host's classes on receivers that are none; a wrong cast below V8 ends the process.
fn(() => {
  const receivers = [undefined, null, 1, "x", {}, [], () => {}, Object.create(null), new Proxy({}, {}), new Date(), Symbol("x"), new Blob([]), new ReadableStream()];
  const names = ["AbortController", "AbortSignal", "Blob", "File", "CompressionStream", "DecompressionStream", "Crypto", "CustomEvent", "DOMException", "Event", "EventTarget", "Performance", "ReadableStream", "ReadableStreamDefaultReader", "ReadableStreamBYOBReader", "TextDecoder", "TextEncoder", "TextDecoderStream", "TransformStream", "URL", "URLPattern", "URLSearchParams", "WritableStream", "WritableStreamDefaultWriter", "QuotaExceededError", "ByteLengthQueuingStrategy"];
  for (const name of names) {
    for (const holder of [globalThis[name], globalThis[name].prototype]) {
      for (const key of Reflect.ownKeys(holder)) {
        const descriptor = Reflect.getOwnPropertyDescriptor(holder, key);
        for (const method of [descriptor.value, descriptor.get, descriptor.set]) {
          if (typeof method !== "function" || /^class|constructor/.test(String(key))) continue;
          for (const receiver of receivers) {
            for (const given of [[], [receiver], [{}, {}, {}]]) {
              try {
                const result = Reflect.apply(method, receiver, given);
                if (result instanceof Promise) result.catch(() => {});
              } catch {
                continue;
              }
            }
          }
        }
      }
    }
  }
  return { crashed: false };
});
