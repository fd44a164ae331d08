// The last file: hands the inner functions to the host, which takes them at start-up and calls `lockdown` before any user code.
import { core, primordials } from "ext:core/mod.js";
import * as world from "ext:fulgurite/10_world.js";
import "ext:fulgurite/30_fetch.js";
import { mintCrypto } from "ext:fulgurite/40_crypto.js";
import * as step from "ext:fulgurite/50_step.js";
import * as calls from "ext:fulgurite/55_calls.js";

const {
  ArrayBuffer,
  ArrayBufferPrototype,
  Error,
  FunctionPrototype,
  ObjectDefineProperty,
  Promise,
  PromisePrototype,
  Proxy,
  RangeError,
  ReflectConstruct,
  ReflectDeleteProperty,
  TypeError,
} = primordials;
const { stringify } = globalThis.JSON;

// Read by the host (runtime/src/isolate.rs), then deleted by `lockdown`.
ObjectDefineProperty(globalThis, "__fulgurite", {
  __proto__: null,
  configurable: true,
  value: {
    __proto__: null,
    clearTimers: world.clearTimers,
    connect: calls.connect,
    isSource: calls.isSource,
    isStream: step.isStream,
    isTaken: step.isTaken,
    lockdown,
    operationsOf: step.operationsOf,
    run: step.run,
    runItems: calls.runAllItems,
    timed: calls.timed,
    standIn: step.standIn,
    stringify,
    watch: step.watch,
  },
});

function lockdown() {
  mintCrypto();
  // deno_core would hand its own call sites to a job's `Error.prepareStackTrace`, and panics when the job has tampered with
  // them. V8 asks for it by name, so both names are fixed.
  const fixed = (value) => ({ __proto__: null, value, writable: false, enumerable: false, configurable: false });
  ObjectDefineProperty(Error, "prepareStackTrace", fixed(undefined));
  ObjectDefineProperty(globalThis, "Error", fixed(Error));
  // deno_core calls its asynchronous ops through the `call` that it finds, and would hand them to a job that puts its own there.
  // A function may still get a `call` of its own.
  const { call } = FunctionPrototype;
  ObjectDefineProperty(FunctionPrototype, "call", {
    __proto__: null,
    configurable: false,
    enumerable: false,
    get: () => call,
    set(value) {
      if (this === FunctionPrototype) throw new TypeError("Function.prototype.call cannot be replaced");
      ObjectDefineProperty(this, "call", { __proto__: null, configurable: true, enumerable: true, value, writable: true });
    },
  });
  // `await` asks every promise for its constructor, also in ours.
  ObjectDefineProperty(PromisePrototype, "constructor", fixed(Promise));
  // V8 takes the memory of resizable buffers from the system itself, where nobody counts it.
  const FixedArrayBuffer = new Proxy(ArrayBuffer, {
    __proto__: null,
    construct(target, given, newTarget) {
      if (given[1]?.maxByteLength !== undefined) throw new RangeError("there are no resizable ArrayBuffers here");
      return ReflectConstruct(target, [given[0]], newTarget);
    },
  });
  ObjectDefineProperty(globalThis, "ArrayBuffer", core.propNonEnumerable(FixedArrayBuffer));
  ObjectDefineProperty(ArrayBufferPrototype, "constructor", core.propNonEnumerable(FixedArrayBuffer));
  for (const name of ["Deno", "__bootstrap", "__infra", "__fulgurite", "SharedArrayBuffer", "Atomics", "WebAssembly"]) {
    ReflectDeleteProperty(globalThis, name);
  }
}
