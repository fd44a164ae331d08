// The web APIs of the global scope. All scripts are loaded here, while the snapshot is made, so that none is compiled later.
import { core, primordials } from "ext:core/mod.js";

const {
  MathFloor,
  ObjectDefineProperties,
  ObjectDefineProperty,
  ObjectPrototypeIsPrototypeOf,
  Proxy,
  ReflectApply,
  ReflectConstruct,
  ReflectDeleteProperty,
  SafeArrayIterator,
  SafeSet,
  SafeSetIterator,
  SetPrototypeAdd,
  SetPrototypeClear,
  SetPrototypeDelete,
  SetPrototypeGetSize,
  TypeError,
} = primordials;

const load = (name) => core.loadExtScript(`ext:deno_web/${name}.js`);

const { URL, URLSearchParams } = load("00_url");
const { DOMException, QuotaExceededError } = load("01_dom_exception");
const { URLPattern } = load("01_urlpattern");
const { CustomEvent, Event, EventTarget, saveGlobalThisReference } = load("02_event");
// Where deno_web takes what a listener throws. Nothing can listen for it here, so it ends the run.
saveGlobalThisReference({ __proto__: null, dispatchEvent: () => true });
const {
  clearInterval: endInterval,
  clearTimeout: endTimeout,
  setInterval: startInterval,
  setTimeout: startTimeout,
} = load("02_timers");
const { AbortController, AbortSignal } = load("03_abort_signal");
const { atob, btoa } = load("05_base64");
const streams = load("06_streams");
const { TextDecoder, TextDecoderStream, TextEncoder, TextEncoderStream } = load("08_text_encoding");
const { Blob, File } = load("09_file");
const { structuredClone } = load("13_message_port");
const { CompressionStream, DecompressionStream } = load("14_compression");
const { Performance, performance } = load("15_performance");

// What our ops throw by these names.
for (
  const name of [
    "DataError",
    "IndexSizeError",
    "InvalidAccessError",
    "InvalidCharacterError",
    "InvalidStateError",
    "NotSupportedError",
    "OperationError",
    "SyntaxError",
    "TypeMismatchError",
  ]
) {
  core.registerErrorBuilder(`DOMException${name}`, (message) => new DOMException(message, name));
}
core.registerErrorBuilder("DOMExceptionQuotaExceededError", (message) => new QuotaExceededError(message));

// A fine clock is what side channels are measured with. Marks and measures would be another one.
{
  const { now } = Performance.prototype;
  const coarse = { now() { return MathFloor(ReflectApply(now, this, [])); } }.now;
  ObjectDefineProperty(Performance.prototype, "now", core.propWritable(coarse));
  for (const name of ["mark", "measure", "clearMarks", "clearMeasures"]) {
    ReflectDeleteProperty(Performance.prototype, name);
  }
}

// The host's parser takes fifty times the length of a pattern, and cannot be stopped.
const LONGEST_PATTERN = 16_384;
const PARTS = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash", "baseURL"];
// What the parser will read, read once, so that what is measured is what is parsed (webidl's conversion to URLPatternInit).
const readPattern = (value) => {
  if (typeof value !== "object" || value === null) return value === undefined ? value : `${value}`;
  const copy = { __proto__: null };
  for (const name of new SafeArrayIterator(PARTS)) {
    const part = value[name];
    if (part !== undefined) copy[name] = `${part}`;
  }
  return copy;
};
const lengthOf = (value) => {
  if (typeof value === "string") return value.length;
  let length = 0;
  for (const name of new SafeArrayIterator(typeof value === "object" ? PARTS : [])) length += value[name]?.length ?? 0;
  return length;
};
const BoundedURLPattern = new Proxy(URLPattern, {
  __proto__: null,
  construct(target, given, newTarget) {
    const pattern = readPattern(given[0]);
    const base = typeof given[1] === "object" ? given[1] : readPattern(given[1]);
    const length = lengthOf(pattern) + (typeof base === "string" ? base.length : 0);
    if (length > LONGEST_PATTERN) {
      throw new TypeError(`a URLPattern of ${length} characters is longer than ${LONGEST_PATTERN}`);
    }
    // How many there are matters.
    const all = [pattern];
    if (given.length > 1) all[1] = base;
    if (given.length > 2) all[2] = given[2];
    return ReflectConstruct(target, given.length === 0 ? [] : all, newTarget);
  },
});
ObjectDefineProperty(URLPattern.prototype, "constructor", core.propNonEnumerable(BoundedURLPattern));

// Timers belong to the step that sets them; the host clears them when it ends.
const running = new SafeSet();

// Each is an object of the host's, too; nobody waits for so many.
const MOST_TIMERS = 10_000;

function timer(set, clearsItself) {
  return (callback, delay = 0, ...rest) => {
    if (SetPrototypeGetSize(running) >= MOST_TIMERS) {
      throw new QuotaExceededError(`${MOST_TIMERS} timers are running; there cannot be more`);
    }
    if (typeof callback !== "function") {
      throw new TypeError(`the callback of a timer must be a function, not ${typeof callback}`);
    }
    const id = set((...given) => {
      if (clearsItself) SetPrototypeDelete(running, id);
      return ReflectApply(callback, undefined, given);
    }, delay, ...new SafeArrayIterator(rest));
    SetPrototypeAdd(running, id);
    return id;
  };
}

function clearTimer(clear) {
  return (id) => {
    SetPrototypeDelete(running, id);
    clear(id);
  };
}

const setTimeout = { setTimeout: timer(startTimeout, true) }.setTimeout;
const setInterval = { setInterval: timer(startInterval, false) }.setInterval;
const clearTimeout = { clearTimeout: clearTimer(endTimeout) }.clearTimeout;
const clearInterval = { clearInterval: clearTimer(endInterval) }.clearInterval;

/** Clears every timer that a job has set. */
export function clearTimers() {
  for (const id of new SafeSetIterator(running)) {
    endTimeout(id);
  }
  SetPrototypeClear(running);
}

const hidden = core.propNonEnumerable;
const shown = core.propWritable;

ObjectDefineProperties(globalThis, {
  AbortController: hidden(AbortController),
  AbortSignal: hidden(AbortSignal),
  Blob: hidden(Blob),
  ByteLengthQueuingStrategy: hidden(streams.ByteLengthQueuingStrategy),
  CompressionStream: hidden(CompressionStream),
  CountQueuingStrategy: hidden(streams.CountQueuingStrategy),
  CustomEvent: hidden(CustomEvent),
  DecompressionStream: hidden(DecompressionStream),
  DOMException: hidden(DOMException),
  Event: hidden(Event),
  EventTarget: hidden(EventTarget),
  File: hidden(File),
  Performance: hidden(Performance),
  QuotaExceededError: hidden(QuotaExceededError),
  ReadableByteStreamController: hidden(streams.ReadableByteStreamController),
  ReadableStream: hidden(streams.ReadableStream),
  ReadableStreamBYOBReader: hidden(streams.ReadableStreamBYOBReader),
  ReadableStreamBYOBRequest: hidden(streams.ReadableStreamBYOBRequest),
  ReadableStreamDefaultController: hidden(streams.ReadableStreamDefaultController),
  ReadableStreamDefaultReader: hidden(streams.ReadableStreamDefaultReader),
  TextDecoder: hidden(TextDecoder),
  TextDecoderStream: hidden(TextDecoderStream),
  TextEncoder: hidden(TextEncoder),
  TextEncoderStream: hidden(TextEncoderStream),
  TransformStream: hidden(streams.TransformStream),
  TransformStreamDefaultController: hidden(streams.TransformStreamDefaultController),
  URL: hidden(URL),
  URLPattern: hidden(BoundedURLPattern),
  URLSearchParams: hidden(URLSearchParams),
  WritableStream: hidden(streams.WritableStream),
  WritableStreamDefaultController: hidden(streams.WritableStreamDefaultController),
  WritableStreamDefaultWriter: hidden(streams.WritableStreamDefaultWriter),
  atob: shown(atob),
  btoa: shown(btoa),
  clearInterval: shown(clearInterval),
  clearTimeout: shown(clearTimeout),
  performance: shown(performance),
  queueMicrotask: shown(core.queueMicrotask ?? globalThis.queueMicrotask),
  setInterval: shown(setInterval),
  setTimeout: shown(setTimeout),
  structuredClone: shown(structuredClone),
});

const ReadableStreamPrototype = streams.ReadableStream.prototype;

/** Whether one of our own readable streams has been read from, or somebody holds it. */
export function isTakenStream(stream) {
  try {
    return streams.isReadableStreamDisturbed(stream) || streams.isReadableStreamLocked(stream);
  } catch {
    // It only has the prototype of one.
    return false;
  }
}

/** Is it one of our own readable streams? No user code runs to find out. */
export function isReadableStream(value) {
  return ObjectPrototypeIsPrototypeOf(ReadableStreamPrototype, value);
}
