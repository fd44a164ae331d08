// Runs the operations of one step. Never rejects: how it ended is the answer, so that a rejection that nobody handles can
// only be the job's own.
import { primordials } from "ext:core/mod.js";
import { isReadableStream, isTakenStream } from "ext:fulgurite/10_world.js";
import { warn } from "ext:fulgurite/20_log.js";

const {
  ArrayIsArray,
  Error,
  ObjectDefineProperty,
  ObjectFreeze,
  ObjectSetPrototypeOf,
  ReflectApply,
  ReflectDeleteProperty,
  SafeArrayIterator,
  SafeWeakSet,
  SymbolAsyncIterator,
  SymbolToPrimitive,
  TypeError,
} = primordials;

// Stands for what an operation returned when it returned nothing.
const NOTHING = ObjectFreeze({ __proto__: null });

// A promise is resolved with it, and must not find a `then` that a job has put on Object.prototype. A class, because V8 makes
// dictionaries of objects without a prototype.
class Answer {
  constructor(ok, value, running) {
    this.ok = ok;
    this.value = value;
    this.running = running;
  }
}
ObjectSetPrototypeOf(Answer.prototype, null);
ReflectDeleteProperty(Answer.prototype, "constructor");
ObjectFreeze(Answer.prototype);

export const answer = (ok, value, running) => new Answer(ok, value, running);

const value = (value) => ({ __proto__: null, value, writable: true, enumerable: true, configurable: true });

function describe(value) {
  if (value === null) return "null";
  if (ArrayIsArray(value)) return "an array";
  switch (typeof value) {
    case "undefined":
      return "nothing";
    case "object":
      return "an object";
    case "number":
    case "bigint":
    case "boolean":
      return `${value}`;
    case "string":
      return value === "" ? "an empty string" : "a string";
    default:
      return `a ${typeof value}`;
  }
}

/**
 * The operations of a module: its default export, checked.
 * Answers [operations, undefined] or [undefined, message, hint, number of the operation].
 */
export function operationsOf(namespace) {
  const operations = namespace.default;
  if (operations === undefined) {
    return [undefined, "the job exports no operations", "add `export default [state => state];`"];
  }
  if (!ArrayIsArray(operations)) {
    return [
      undefined,
      `the job's default export is ${describe(operations)}, not an array of operations`,
      "write `export default [state => state];`",
    ];
  }
  for (let i = 0; i < operations.length; i++) {
    if (typeof operations[i] !== "function") {
      return [
        undefined,
        `operation ${i + 1} is ${describe(operations[i])}, not a function`,
        "a call at the top level makes an operation, `state => state`; call everything else inside `fn(state => ...)`",
        i + 1,
      ];
    }
  }
  const { execute } = namespace;
  if (execute !== undefined && typeof execute !== "function") {
    return [undefined, `\`execute\` is ${describe(execute)}, not a function`, "it runs the operations of a job: \`(...operations) => state => ...\`"];
  }
  return [operations, undefined];
}

/**
 * Runs `operations` over `state`, through the adaptor's `execute` if the module has one.
 * Answers {ok: true, value: output} or {ok: false, value: error}, with the number of the operation that was started last (from 1) as
 * `running`; or a promise of it, when there is something to wait for. `output` is undefined when the last operation returned nothing.
 */
export function start(operations, execute, state) {
  if (typeof execute === "function") return through(execute, operations, state);
  let running = 0;
  try {
    let output = state;
    for (let index = 0; index < operations.length; index++) {
      running = index + 1;
      const operation = operations[index];
      output = operation(output === NOTHING ? {} : output);
      // What is no promise is not waited for: most operations are done when they return.
      if (isThenable(output)) return goOn(operations, index, output);
      if (!output) output = nothing(output, index, operations.length);
    }
    return answer(true, output === NOTHING ? undefined : output, running);
  } catch (error) {
    return answer(false, error, running);
  }
}

/** The same from an operation on that has been started. */
async function goOn(operations, started, promise) {
  let running = started + 1;
  try {
    let output = await promise;
    if (!output) output = nothing(output, started, operations.length);
    for (let index = started + 1; index < operations.length; index++) {
      running = index + 1;
      const operation = operations[index];
      output = operation(output === NOTHING ? {} : output);
      if (isThenable(output)) output = await output;
      if (!output) output = nothing(output, index, operations.length);
    }
    return answer(true, output === NOTHING ? undefined : output, running);
  } catch (error) {
    return answer(false, error, running);
  }
}

/** The same through `execute`. */
async function through(execute, operations, state) {
  let running = 0;
  try {
    const wrapped = [];
    for (let index = 0; index < operations.length; index++) {
      const operation = operations[index];
      // Defined, not assigned: a job may have put a setter on Array.prototype.
      ObjectDefineProperty(wrapped, index, value(async (input) => {
        running = index + 1;
        const output = await operation(input === NOTHING ? {} : input);
        return output ? output : nothing(output, index, operations.length);
      }));
    }
    const reducer = ReflectApply(execute, undefined, wrapped);
    if (typeof reducer !== "function") {
      throw new TypeError(`\`execute\` must return a function of the state, and returned ${describe(reducer)}`);
    }
    const output = await reducer(state);
    return answer(true, output === NOTHING ? undefined : output, running);
  } catch (error) {
    return answer(false, error, running);
  }
}

/** The same as a promise in any case. */
export const run = async (operations, execute, state) => await start(operations, execute, state);

export function isThenable(value) {
  return (typeof value === "object" || typeof value === "function") && value !== null && typeof value.then === "function";
}

/** Warns of an operation that returned nothing. */
function nothing(output, index, count) {
  const next = index + 1 < count ? "the next one gets an empty state" : "so the step has no output";
  warn(`operation ${index + 1} returned ${describe(output)}: ${next}. Did it forget to return state?`);
  return NOTHING;
}

/**
 * Is it a stream: one of ours, a Node-style readable, or an async iterator? Reading these properties may run user code.
 */
export function isStream(value) {
  if (standIns.has(value)) return false;
  if (isReadableStream(value)) return true;
  if (typeof value[SymbolAsyncIterator] === "function") return true;
  return typeof value.pipe === "function" && typeof value.read === "function" && typeof value.on === "function";
}

// Iterators that somebody has begun to read. What one of our own streams is, it says itself.
const begun = new SafeWeakSet();

/** Takes note of a stream that a step hands on, so that `isTaken` knows about it. */
export function watch(stream) {
  if (isReadableStream(stream) || typeof stream.next !== "function") return;
  const { next } = stream;
  const watched = (...given) => {
    begun.add(stream);
    return ReflectApply(next, stream, given);
  };
  // What cannot be watched is handed on as it is.
  try {
    ObjectDefineProperty(stream, "next", { __proto__: null, value: watched, writable: true, enumerable: false, configurable: true });
  } catch {
    // It is frozen.
  }
}

/** Whether somebody has begun to read a stream. */
export function isTaken(stream) {
  return isReadableStream(stream) ? isTakenStream(stream) : begun.has(stream);
}

const standIns = new SafeWeakSet();

/**
 * What stands where a stream was that cannot be read any more. To copy it, to log it or to hand it on does no harm; whoever would
 * read it is told why he cannot.
 */
export function standIn(message) {
  const object = { __proto__: null };
  const refuse = () => {
    const error = new Error(message);
    ObjectDefineProperty(error, "name", { __proto__: null, value: "StreamError", enumerable: false });
    throw error;
  };
  const refusing = { __proto__: null, get: refuse, enumerable: false, configurable: false };
  for (
    const name of new SafeArrayIterator([
      SymbolAsyncIterator,
      "cancel",
      "getReader",
      "locked",
      "next",
      "on",
      "pipe",
      "pipeThrough",
      "pipeTo",
      "read",
      "tee",
      "values",
    ])
  ) {
    ObjectDefineProperty(object, name, refusing);
  }
  const text = () => "[stream]";
  for (const name of new SafeArrayIterator(["toJSON", "toString", SymbolToPrimitive])) {
    ObjectDefineProperty(object, name, { __proto__: null, value: text });
  }
  standIns.add(object);
  return object;
}
