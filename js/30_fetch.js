// `fetch` and what belongs to it, from `deno_fetch`, over our own `op_fetch` (runtime/src/fetch.rs).
import { core, internals, primordials } from "ext:core/mod.js";

const { ObjectDefineProperties, ObjectFreeze } = primordials;

// What its script wants of `deno_telemetry`, which is not here: tracing is off. It looks these up by name when they are needed,
// so they are there, without a prototype that a job could put something on.
const nothing = () => {};
internals.__telemetry = ObjectFreeze({
  __proto__: null,
  TRACING_ENABLED: false,
  PROPAGATORS: ObjectFreeze([]),
  DID_NOT_ENTER: null,
  ContextManager: null,
  builtinTracer: nothing,
  enterSpan: nothing,
  exitSpan: nothing,
});
internals.__telemetryUtil = ObjectFreeze({
  __proto__: null,
  updateSpanFromClientResponse: nothing,
  updateSpanFromError: nothing,
  updateSpanFromRequest: nothing,
});
internals.__inspectorNetwork = null;

const load = (name) => core.loadExtScript(`ext:deno_fetch/${name}.js`);

const { Headers } = load("20_headers");
const { FormData } = load("21_formdata");
const { Request } = load("23_request");
const { Response } = load("23_response");
const { fetch } = load("26_fetch");

ObjectDefineProperties(globalThis, {
  FormData: core.propNonEnumerable(FormData),
  Headers: core.propNonEnumerable(Headers),
  Request: core.propNonEnumerable(Request),
  Response: core.propNonEnumerable(Response),
  fetch: core.propWritable(fetch),
});
