// ends: success
// output: {"unknown":[],"missing":[]}
// why: the whole list of what a job finds; what is not in js/README.md is a leak.
fn(() => {
  const known = (
    "AbortController AbortSignal AggregateError Array ArrayBuffer AsyncDisposableStack BigInt BigInt64Array BigUint64Array Blob " +
    "Boolean ByteLengthQueuingStrategy CompressionStream CountQueuingStrategy Crypto CustomEvent DOMException DataView Date " +
    "DecompressionStream DisposableStack Error EvalError Event EventTarget File FinalizationRegistry Float16Array Float32Array " +
    "Float64Array Function Infinity Int16Array Int32Array Int8Array Intl Iterator JSON Map Math NaN Number Object Performance Promise " +
    "Proxy QuotaExceededError RangeError ReadableByteStreamController ReadableStream ReadableStreamBYOBReader " +
    "ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableStreamDefaultReader ReferenceError Reflect RegExp Set String " +
    "SuppressedError Symbol SyntaxError TextDecoder TextDecoderStream TextEncoder TextEncoderStream TransformStream " +
    "TransformStreamDefaultController TypeError URIError URL URLPattern URLSearchParams Uint16Array Uint32Array Uint8Array " +
    "Uint8ClampedArray WeakMap WeakRef WeakSet WritableStream WritableStreamDefaultController WritableStreamDefaultWriter atob btoa " +
    "call clearInterval clearTimeout console crypto decodeURI decodeURIComponent encodeURI encodeURIComponent escape eval globalThis " +
    "isFinite isNaN parseFloat parseInt performance queueMicrotask setInterval setTimeout structuredClone undefined unescape"
  ).split(" ");
  // What the network brings.
  const optional = ["fetch", "FormData", "Headers", "Request", "Response", "CryptoKey", "SubtleCrypto"];
  const found = Reflect.ownKeys(globalThis).map(String);
  return {
    unknown: found.filter((name) => !known.includes(name) && !optional.includes(name)),
    missing: known.filter((name) => !found.includes(name)),
  };
});
