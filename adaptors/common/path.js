// JSONPath as job writers know it from jsonpath-plus: a path is parsed into a list of selectors, once, and the selectors
// are followed over a value. Nothing is read that the path does not lead through: a state may be far bigger than what a
// job wants of it. Filters and scripts are in `filter.js`; nothing here evaluates code.

import { expression } from "./filter.js";

const { hasOwn, keys } = Object;
const { isArray } = Array;

// JSON nests at most this deep in a state (the runtime's limit), so whoever gets deeper goes around in a circle.
const DEEPEST = 4096;

// Jobs call `dataValue("a.b")(state)` for every item, so parsed paths are kept. A job that makes its paths up as it goes
// must not fill the memory with them.
const KEPT = 500;
const parsed = new Map();

/** Everything that `path` leads to in `root`, in document order. */
export function select(path, root) {
  const values = [];
  follow(selectors(path), 0, root, root, (value) => {
    values.push(value);
    return false;
  });
  return values;
}

/** The first thing that `path` leads to, or undefined; does not look for a second. */
export function first(path, root) {
  let found;
  follow(selectors(path), 0, root, root, (value) => {
    found = value;
    return true;
  });
  return found;
}

// Depth first, so that results come in the order of the document whatever the selectors are. Recurses once per selector,
// never per item. `found` answers true when it has had enough, and so does `follow`.
function follow(list, at, value, root, found) {
  if (at === list.length) return found(value);
  return choose(list[at], value, root, (child) => follow(list, at + 1, child, root, found));
}

function choose(selector, value, root, next) {
  switch (selector.kind) {
    case "key":
      if (has(value, selector.key)) return next(value[selector.key]);
      return selector.otherwise ? choose(selector.otherwise, value, root, next) : false;
    case "index":
      return index(value, selector.index, next);
    case "all":
      return children(value, (child) => next(child));
    case "slice":
      return isArray(value) ? slice(value, selector, next) : false;
    case "filter":
      return children(value, (child, key) => selector.test(child, key, root) ? next(child) : false);
    case "script": {
      const key = selector.key(value, undefined, root);
      return has(value, key) ? next(value[key]) : false;
    }
    case "union":
      return selector.parts.some((part) => choose(part, value, root, next));
    case "self":
      return next(value);
    case "descend":
      return descend(value, next);
  }
}

// Own properties only, so that no path leads to a prototype; those of a string (its length, its characters) count.
function has(value, key) {
  return value !== null && value !== undefined && key !== undefined && hasOwn(value, key);
}

function children(value, next) {
  if (isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (next(value[i], i)) return true;
    }
  } else if (typeof value === "object" && value !== null) {
    for (const key of keys(value)) {
      if (next(value[key], key)) return true;
    }
  }
  return false;
}

function index(value, i, next) {
  if (has(value, i)) return next(value[i]);
  if (i < 0 && isArray(value) && value.length + i >= 0) return next(value[value.length + i]);
  return false;
}

function slice(array, { start, end, step }, next) {
  const { length } = array;
  const clamp = (i, low, high) => Math.min(Math.max(i < 0 ? i + length : i, low), high);
  if (step > 0) {
    const stop = clamp(end ?? length, 0, length);
    for (let i = clamp(start ?? 0, 0, length); i < stop; i += step) {
      if (next(array[i])) return true;
    }
  } else {
    const stop = end === undefined ? -1 : clamp(end, -1, length - 1);
    for (let i = clamp(start ?? length - 1, -1, length - 1); i > stop; i += step) {
      if (next(array[i])) return true;
    }
  }
  return false;
}

// A value, then the objects in it, outermost first. With a stack of its own: a state may nest deeper than calls may.
function descend(value, next) {
  const stack = [value];
  const depths = [0];
  while (stack.length > 0) {
    const node = stack.pop();
    const depth = depths.pop();
    if (next(node)) return true;
    if (typeof node !== "object" || node === null) continue;
    if (depth === DEEPEST) throw new Error(`".." found more than ${DEEPEST} levels: does the state contain itself?`);
    // Pushed from the last to the first, to come off the stack from the first to the last.
    const names = isArray(node) ? undefined : keys(node);
    for (let i = (names ?? node).length - 1; i >= 0; i--) {
      const child = node[names ? names[i] : i];
      if (typeof child === "object") {
        stack.push(child);
        depths.push(depth + 1);
      }
    }
  }
  return false;
}

function selectors(path) {
  let list = parsed.get(path);
  if (list === undefined) {
    list = parse(path);
    if (parsed.size >= KEPT) parsed.clear();
    parsed.set(path, list);
  }
  return list;
}

function parse(path) {
  if (typeof path !== "string") {
    throw new TypeError(`a path must be a string like "$.data.items[*]", not ${path === null ? "null" : typeof path}`);
  }
  const list = [];
  let at = 0;
  if (path[0] === "$" && (path.length === 1 || path[1] === "." || path[1] === "[")) {
    at = 1;
  } else if (path[0] !== "." && path[0] !== "[") {
    // A path without `$.` in front. The empty path is one: it names the key "".
    at = name(path, 0, list);
  }
  while (at < path.length) {
    if (path[at] === "[") {
      at = brackets(path, at, list);
      continue;
    }
    if (path[at] !== ".") throw operator(path, at, path[at]) ?? invalid(path, at, `expected "." or "["`);
    const dots = at;
    while (path[at] === ".") at++;
    if (at - dots > 1) list.push({ kind: "descend" });
    if (at < path.length && path[at] !== "[") at = name(path, at, list);
  }
  return list;
}

// One selector between dots.
function name(path, start, list) {
  if (path[start] === `"` || path[start] === "'") {
    const [key, end] = quoted(path, start);
    list.push({ kind: "key", key });
    return end;
  }
  let end = start;
  while (end < path.length && path[end] !== "." && path[end] !== "[") {
    if (path[end] === "]") throw invalid(path, end, `"]" without a "["`);
    end++;
  }
  list.push(bare(path, start, path.slice(start, end)));
  return end;
}

function bare(path, start, text) {
  if (text === "*") return { kind: "all" };
  // A backtick says that what follows is a key, whatever it looks like.
  if (text[0] === "`") return { kind: "key", key: text.slice(1) };
  const problem = operator(path, start, text);
  if (problem) throw problem;
  const type = /@\w+\(\)$/.exec(text);
  if (type) throw invalid(path, start + type.index, `types like "${type[0]}" are not supported`);
  // In the middle of a path `$` changes nothing: `dataPath("$")` is "$.data.$", which means the data.
  if (text === "$") return { kind: "key", key: text, otherwise: { kind: "self" } };
  if (text.includes(",")) {
    const parts = text.split(",").map((part) => bare(path, start, part.trim()));
    return { kind: "key", key: text, otherwise: { kind: "union", parts } };
  }
  return { kind: "key", key: text };
}

// What jsonpath-plus has and this has not: a key that contains it is more likely a mistake than meant.
function operator(path, start, text) {
  const i = text.search(/[~^]/);
  if (i < 0) return undefined;
  const what = text[i] === "^" ? "parents" : "property names";
  return invalid(path, start + i, `"${text[i]}" (${what}) is not supported; quote a key that contains it`);
}

// `[…]`: one selector, or several with commas between them.
function brackets(path, open, list) {
  const parts = [];
  let at = open + 1;
  for (;;) {
    at = space(path, at);
    if (at >= path.length) throw invalid(path, open, `"[" is never closed`);
    let part;
    [part, at] = bracketed(path, at);
    parts.push(part);
    at = space(path, at);
    if (path[at] === "]") break;
    if (at >= path.length) throw invalid(path, open, `"[" is never closed`);
    if (path[at] !== ",") throw invalid(path, at, `expected "," or "]"`);
    at++;
  }
  list.push(parts.length === 1 ? parts[0] : { kind: "union", parts });
  return at + 1;
}

function bracketed(path, start) {
  const refuse = (at, what) => invalid(path, at, what);
  switch (path[start]) {
    case `"`:
    case "'": {
      const [key, end] = quoted(path, start);
      return [{ kind: "key", key }, end];
    }
    case "?": {
      const [test, end] = expression(path, start + 1, refuse);
      return [{ kind: "filter", test }, end];
    }
    case "(": {
      const [key, end] = expression(path, start, refuse);
      return [{ kind: "script", key }, end];
    }
  }
  let end = start;
  while (end < path.length && path[end] !== "," && path[end] !== "]") {
    if (path[end] === "[" || path[end] === "'" || path[end] === `"`) {
      throw invalid(path, end, `${path[end]} inside of brackets: a key that contains it must be quoted`);
    }
    end++;
  }
  const text = path.slice(start, end).trim();
  if (text === "") throw invalid(path, start, "a key, an index, a slice, *, a filter or a script is missing here");
  if (/^-?(0|[1-9]\d*)$/.test(text)) return [{ kind: "index", index: Number(text) }, end];
  const bounds = /^(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+)?)?$/.exec(text);
  if (bounds) {
    const [from, to, step] = bounds.slice(1).map((bound) => bound === undefined ? undefined : Number(bound));
    if (step === 0) throw invalid(path, start, "a slice must not have the step 0");
    return [{ kind: "slice", start: from, end: to, step: step ?? 1 }, end];
  }
  return [bare(path, start, text), end];
}

function quoted(path, start) {
  let text = "";
  for (let at = start + 1; at < path.length; at++) {
    if (path[at] === path[start]) return [text, at + 1];
    if (path[at] === "\\" && at + 1 < path.length) at++;
    text += path[at];
  }
  throw invalid(path, start, "a quote is never closed");
}

function space(path, at) {
  while (path[at] === " " || path[at] === "\t" || path[at] === "\n") at++;
  return at;
}

function invalid(path, at, what) {
  return new Error(`invalid path ${JSON.stringify(path)}, position ${at + 1}: ${what}`);
}
