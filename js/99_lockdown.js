// The last file: hands the inner functions to the host, which takes them at start-up and calls `lockdown` before any user code.
import { primordials } from "ext:core/mod.js";
import * as step from "ext:fulgurite/50_step.js";

const { ObjectDefineProperty, ReflectDeleteProperty } = primordials;
const { stringify } = globalThis.JSON;

// Read by the host (runtime/src/isolate.rs), then deleted by `lockdown`.
ObjectDefineProperty(globalThis, "__fulgurite", {
  __proto__: null,
  configurable: true,
  value: {
    __proto__: null,
    isStream: step.isStream,
    lockdown,
    operationsOf: step.operationsOf,
    run: step.run,
    slice: globalThis.Array.prototype.slice,
    concat: globalThis.Array.prototype.concat,
    stringify,
  },
});

function lockdown() {
  for (const name of ["Deno", "__bootstrap", "__infra", "__fulgurite", "SharedArrayBuffer", "Atomics", "WebAssembly"]) {
    ReflectDeleteProperty(globalThis, name);
  }
}
