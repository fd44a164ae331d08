// References: where an argument may be a value, it may also be a function of the state, or contain some.

/** `value` with every function in it replaced by what it gives for `state`; what has no functions in it is not copied. */
export function expand(state, value) {
  value = resolve(state, value);
  if (Array.isArray(value)) {
    let copy;
    for (let i = 0; i < value.length; i++) {
      const item = value[i];
      const expanded = expand(state, item);
      if (expanded !== item) (copy ??= value.slice())[i] = expanded;
    }
    return copy ?? value;
  }
  if (isPlain(value)) {
    let copy;
    for (const key of Object.keys(value)) {
      const item = value[key];
      const expanded = expand(state, item);
      if (expanded !== item) (copy ??= { ...value })[key] = expanded;
    }
    return copy ?? value;
  }
  return value;
}

/** `value`, or if it is a function what it gives for `state`; does not look inside. */
export function resolve(state, value) {
  while (typeof value === "function") value = value(state);
  return value;
}

// Dates, streams, promises and the like are values, not containers of references.
function isPlain(value) {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
