// The adaptor that ships with the product: what jobs need that talk to no system. Its behaviour is that of
// @openfn/language-common, so that jobs move between the two; README.md says where it is not.
//
// A state may be hundreds of megabytes seen through properties that are parsed when they are read. So nothing here reads
// what it does not need, and a state is at most copied at its top level, where the operation's meaning is a new state.

import { dateOf, readable } from "./dates.js";
import { first, select } from "./path.js";
import { expand, resolve } from "./references.js";

/** Runs operations in order. The runtime calls this with all operations of a job. */
export function execute(...operations) {
  operations.forEach((operation, i) => need("execute", `operation ${i + 1}`, operation));
  return async (state) => {
    let current = await state;
    for (const operation of operations) current = await operation(current);
    return current;
  };
}

/** Makes an operation of a function. */
export function fn(func) {
  need("fn", "its argument", func, "fn(state => state)");
  return (state) => func(state);
}

/** Runs `operation` if `condition` holds, else leaves the state as it is. */
export function fnIf(condition, operation) {
  need("fnIf", "its second argument, the operation,", operation, "fnIf($.data.ready, fn(state => state))");
  const choose = (holds, state) => holds ? operation(state) : state;
  return (state) => {
    // Only whether it holds matters, so a condition like `$.data` is not looked into.
    const holds = resolve(state, condition);
    return isPromise(holds) ? holds.then((holds) => choose(resolve(state, holds), state)) : choose(holds, state);
  };
}

/** Runs `operation` once per item: `state.data` is the item, `state.index` its place. The last one's state stays. */
export function each(dataSource, operation) {
  const example = `each("$.data.items[*]", fn(state => state))`;
  needSource("each", dataSource, example);
  need("each", "its second argument, the operation,", operation, example);
  return (state) => {
    const items = itemsOf("each", dataSource, state);
    return inTurn("each", items.length, state, (state, index) => {
      const data = items[index];
      // Holes are skipped, as all methods of arrays do.
      if (data === undefined && !(index in items)) return state;
      return operation({ ...state, data, index });
    });
  };
}

/** Makes one operation of several. */
export function combine(...operations) {
  operations.forEach((operation, i) => need("combine", `operation ${i + 1}`, operation, "combine(fn(a), fn(b))"));
  return (state) => inTurn("combine", operations.length, state, (state, i) => operations[i]({ ...state }));
}

/** `path` as a path into `state.data`. */
export function dataPath(path) {
  needPath("dataPath", path);
  if (path === "") throw new TypeError(`dataPath: the path is empty; write "$" for the data itself`);
  // What a path may begin with is cut off, but not all of it: "$" by itself means the data.
  let start = 0;
  while (start < path.length - 1 && (path[start] === "$" || path[start] === ".")) start++;
  return `$.data.${path.slice(start)}`;
}

/** A reference to the first thing that `path` finds in `state.data`. */
export function dataValue(path) {
  return sourceValue(dataPath(path));
}

/** A reference to the first thing that `path` finds in `state.references[0]`. */
export function lastReferenceValue(path) {
  needPath("lastReferenceValue", path);
  return sourceValue(`$.references[0].${path}`);
}

/** A reference to the first thing that `path` finds in the state. */
export function sourceValue(path) {
  needPath("sourceValue", path);
  return (state) => first(path, state);
}

/** A key with its value, for `fields`. */
export function field(key, value) {
  return [key, value];
}

/** An object of fields. */
export function fields(...pairs) {
  pairs.forEach((pair, i) => {
    if (Array.isArray(pair) && !Array.isArray(pair[0])) return;
    const hint = Array.isArray(pair) ? "write fields(...list) to give it a list of them" : "make one by field(key, value)";
    throw new TypeError(`fields: argument ${i + 1} is ${describe(pair)}, not a field; ${hint}`);
  });
  return Object.fromEntries(pairs);
}

/** A reference to the items of `dataSource`, each with `fields` added. A data source for `each`. */
export function merge(dataSource, fields) {
  needSource("merge", dataSource, `merge("$.data.books[*]", fields(field("publisher", $.data.publisher)))`);
  return (state) => {
    const items = itemsOf("merge", dataSource, state);
    const added = expand(state, fields);
    return items.map((item) => ({ ...item, ...added }));
  };
}

/** Runs `operation`, and keeps its data under `key` instead of in `state.data`. */
export function as(key, operation) {
  need("as", "its second argument, the operation,", operation, `as("patients", fn(state => state))`);
  return async (state) => {
    const name = resolve(state, key);
    if ((typeof name !== "string" && typeof name !== "number") || name === "") {
      throw new TypeError(`as: the key must be a string, not ${describe(name)}`);
    }
    const before = state.data;
    const result = await operation(state);
    if (typeof result !== "object" || result === null) {
      throw new TypeError(`as: the operation gave ${describe(result)}, not a state; does it return state?`);
    }
    const { data, ...rest } = result;
    // On the state that came in too: it is what a later operation's failure leaves for the steps after.
    if (state.data !== before) state.data = before;
    state[name] = data;
    return { ...state, ...rest, data: before, [name]: data };
  };
}

/** Makes `state.data` a list of what `callback(item, index, state)` gives for each item. */
export function map(dataSource, callback) {
  const example = `map("$.data.items[*]", item => item.name)`;
  needSource("map", dataSource, example);
  need("map", "its second argument, the callback,", callback, example);
  return async (state) => {
    const results = [];
    for (const item of itemsOf("map", dataSource, state)) {
      const result = callback(item, results.length, state);
      results.push(isPromise(result) ? await result : result);
    }
    return { ...state, data: results };
  };
}

// Both live as long as the module does, which is a run: its cursors share a key and a start.
let cursorKey = "cursor";
let cursorStart;

/** Sets `state.cursor`, or what `key` says, to a value; words like "today" become dates. */
export function cursor(value, options) {
  // `format` is called with the cursor, not with the state.
  const { format, ...references } = options ?? {};
  if (format !== undefined && format !== null) {
    need("cursor", "the option format", format, "cursor($.cursor, { format: date => date.toISOString() })");
  }
  return (state) => {
    const { defaultValue, key } = expand(state, references);
    if (key) cursorKey = key;
    cursorStart ??= new Date();
    const cursor = expand(state, value) ?? defaultValue;
    const date = typeof cursor === "string" ? dateOf(cursor, cursorStart) : undefined;
    if (date) {
      const formatted = format?.(date);
      state[cursorKey] = formatted ?? date.toISOString();
      console.log(`${cursorKey} = "${cursor}", which is ${format ? state[cursorKey] : readable(date)}`);
    } else {
      state[cursorKey] = format?.(cursor) ?? cursor;
      console.log(`${cursorKey} =`, state[cursorKey]);
    }
    return state;
  };
}

// Each step gets what the one before gave. Stays synchronous for as long as the steps are; a promise is awaited before
// the next one is made, so that 100,000 items are not 100,000 promises.
function inTurn(name, count, state, step) {
  for (let i = 0; i < count; i++) {
    if (isPromise(state)) return inTurnFrom(i, count, state, step);
    if (state === undefined || state === null) {
      throw new TypeError(`${name}: the operation gave ${describe(state)} at number ${i}, not a state; does it return state?`);
    }
    state = step(state, i);
  }
  return state;
}

async function inTurnFrom(i, count, state, step) {
  for (; i < count; i++) state = step(await state, i);
  return state;
}

function itemsOf(name, dataSource, state) {
  if (typeof dataSource === "string") return select(dataSource, state);
  const items = resolve(state, dataSource);
  if (Array.isArray(items)) return items;
  const hint = isPromise(items) ? "await a promise in an operation before" : "is there a list in the state at that place?";
  throw new TypeError(`${name}: the data source gave ${describe(items)}, not an array; ${hint}`);
}

function needPath(name, path) {
  if (typeof path === "string") return;
  throw new TypeError(`${name}: the path must be a string like "items[0].name", not ${describe(path)}`);
}

function needSource(name, value, example) {
  if ((typeof value === "string" && value !== "") || typeof value === "function" || Array.isArray(value)) return;
  const wanted = "a path, an array, or a function of the state that gives an array";
  throw new TypeError(`${name}: its first argument must be ${wanted}, not ${describe(value)}; write ${example}`);
}

function need(name, what, value, example) {
  if (typeof value === "function") return;
  throw new TypeError(`${name}: ${what} must be a function, not ${describe(value)}${example ? `; write ${example}` : ""}`);
}

function isPromise(value) {
  return typeof value === "object" && value !== null && typeof value.then === "function";
}

function describe(value) {
  if (value === undefined || value === null) return `${value}`;
  if (value === "") return "an empty string";
  if (Array.isArray(value)) return "an array";
  if (isPromise(value)) return "a promise";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
