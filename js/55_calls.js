// Steps that run within others: the items of a step, and `call()`. The host knows what to run and what came of it; here is only
// the waiting.
import { core, primordials } from "ext:core/mod.js";
import { op_receive_item, op_send_item } from "ext:core/ops";
import { isReadableStream } from "ext:fulgurite/10_world.js";
import { answer, isThenable, operationsOf, start } from "ext:fulgurite/50_step.js";

const {
  ObjectDefineProperty,
  ObjectFreeze,
  Promise,
  PromisePrototypeThen,
  ReflectApply,
  SymbolAsyncIterator,
  SymbolIterator,
  TypeError,
} = primordials;
const { getAsyncContext, setAsyncContext } = core;
const breathe = core.ops.op_void_async_deferred;

// What the host does (runtime/src/natives.rs).
let host;

/** Takes what the host does, before any user code. */
export function connect(natives) {
  host = natives;
}

// Calls in a row before the event loop has its turn: what is collected is given back there, and rejections come out.
const IN_A_ROW = 128;

// Promises carry the execution that they belong to; see `execution` in 20_log.js.
function within(execution, f, ...given) {
  const outer = getAsyncContext();
  setAsyncContext(execution);
  try {
    return ReflectApply(f, undefined, given);
  } finally {
    setAsyncContext(outer);
  }
}

/** The same operations, which also tell the host when they begin and end: somebody traces them. */
export function timed(operations) {
  const timed = [];
  for (let index = 0; index < operations.length; index++) {
    const operation = operations[index];
    const value = (state) => {
      const span = host.began(getAsyncContext(), index + 1);
      let output;
      try {
        output = ReflectApply(operation, undefined, [state]);
        if (isThenable(output)) return over(output, span);
      } catch (error) {
        host.ended(span);
        throw error;
      }
      host.ended(span);
      return output;
    };
    ObjectDefineProperty(timed, index, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  }
  return timed;
}

async function over(output, span) {
  try {
    return await output;
  } finally {
    host.ended(span);
  }
}

/**
 * Runs a job once. `entry` has its exports, or is the URL of its module. Answers like `start` of 50_step.js; never throws, nor
 * rejects.
 */
function runOnce(entry, state) {
  if (typeof entry === "string") return runModule(entry, state);
  try {
    const { 0: operations, 1: message, 2: hint, 3: number } = operationsOf(entry);
    if (operations === undefined) return answer(undefined, [message, hint], number ?? 0);
    return start(host.timed ? timed(operations) : operations, entry.execute, state);
  } catch (error) {
    return answer(false, error, 0);
  }
}

async function runModule(url, state) {
  try {
    return await runOnce(await import(url), state);
  } catch (error) {
    return answer(false, error, 0);
  }
}

/**
 * Runs a step over its items, `width` calls at a time: those that the host has, or those of `source`, a stream or an iterator.
 * Resolves when all are through, or when the host wants no more.
 */
function runItems(execution, width, source) {
  const pull = source === undefined
    ? () => host.pull(execution)
    : source === ELSEWHERE
    ? () => receiving(execution)
    : pulling(execution, source);
  let calls = 0;
  return new Promise((resolve, reject) => {
    let working = width;
    let failed;
    // What is in flight is waited for, also when there will be no more: it may have done its work.
    const rest = () => {
      if (--working > 0) return;
      if (failed === undefined) resolve();
      else reject(failed.error);
    };
    const work = async () => {
      for (;;) {
        let frame = pull();
        if (source !== undefined) frame = (await frame)?.frame;
        if (frame === undefined) break;
        do {
          const { 0: ticket, 1: entry, 2: given } = frame;
          if (entry === null) await op_send_item(ticket);
          // An item that cannot even be begun has an error instead of a job.
          const { ok, value, running } = entry === null
            ? answer(true, undefined, 0)
            : entry === undefined
            ? answer(false, given, 0)
            : await runOnce(entry, given);
          frame = host.left(execution, ticket, ok, value, running);
          if (frame === false) return resolve();
          if (++calls % IN_A_ROW === 0) await breathe();
        } while (frame !== undefined);
      }
    };
    const fail = (error) => {
      failed ??= { __proto__: null, error };
      rest();
    };
    within(execution, () => {
      for (let i = 0; i < width; i++) PromisePrototypeThen(work(), rest, fail);
    });
  });
}

/** The same, and never rejects: answers like `run` of 50_step.js. */
export async function runAllItems(execution, width, source) {
  try {
    await runItems(execution, width, source === null ? ELSEWHERE : source);
    return answer(true, undefined, 0);
  } catch (error) {
    return answer(false, error, 0);
  }
}

// The items are another isolate's.
const ELSEWHERE = ObjectFreeze({ __proto__: null });

async function receiving(execution) {
  const ticket = await op_receive_item();
  return ticket === 0 ? undefined : boxed(host.frame(execution, ticket));
}

// A promise must not be resolved with a frame: it is an array, and a job may have given those a `then`.
function boxed(frame) {
  return { __proto__: null, frame };
}

/** Pulls from a stream or an iterator as many items as one call gets, one pull at a time. */
function pulling(execution, source) {
  const get = source[SymbolAsyncIterator] ?? source[SymbolIterator];
  const iterator = ReflectApply(get, source, []);
  let ended = false;
  const take = async () => {
    let any = false;
    try {
      while (!ended && host.wants(execution)) {
        const { done, value } = await iterator.next();
        if (done) {
          ended = true;
          break;
        }
        any = true;
        if (host.gather(execution, value)) break;
      }
    } catch (error) {
      ended = true;
      throw error;
    }
    if (any) return boxed(host.pull(execution));
    if (!ended) {
      // Nobody wants the rest.
      ended = true;
      await iterator.return?.();
    }
  };
  let last;
  return () => {
    last = last === undefined ? take() : PromisePrototypeThen(last, take, take);
    return last;
  };
}

/** What items can be pulled from. Reading these properties may run user code. */
export function isSource(value) {
  if (typeof value !== "object" || value === null) return false;
  return isReadableStream(value) || typeof value[SymbolAsyncIterator] === "function" ||
    typeof value[SymbolIterator] === "function";
}

// Calls that have ended.
let called = 0;

/**
 * Runs a step now and resolves with its output; with `{ follow: true }`, goes on along its edges and resolves with the result.
 * Rejects with the step's error.
 */
async function call(step, state, options) {
  if (typeof step !== "string") throw new TypeError(`call() takes the id of a step, not ${step === null ? "null" : typeof step}`);
  const id = host.open(step, state, options?.follow === true);
  try {
    for (;;) {
      const frame = host.next(id);
      if (frame === undefined) return host.result(id);
      const { 0: kind, 1: execution, 2: first, 3: second } = frame;
      if (kind === LACKS) {
        for (let i = 0; i < first.length; i++) host.imported(first[i], await import(first[i]));
        continue;
      }
      const outcome = await (kind === ITEMS ? runAllItems(execution, first, second) : within(execution, runOnce, first, second));
      host.leave(id, execution, outcome.ok, outcome.value, outcome.running);
      if (++called % IN_A_ROW === 0) await breathe();
    }
  } finally {
    host.close(id);
  }
}

// Kinds of frames; as in runtime/src/call.rs.
const ITEMS = 1, LACKS = 2;

ObjectDefineProperty(globalThis, "call", core.propWritable({ call: (step, state, options) => call(step, state, options) }.call));
