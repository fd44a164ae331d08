// The module "@openfn/runtime", as compiled jobs import it. Not in the snapshot: it is loaded where a job needs it, and is
// as safe from a job's changes as the job itself.

async function attempt(operation, error, state) {
  try {
    return await operation(state);
  } catch (reason) {
    if (error === undefined) throw reason;
    return await error(reason, state);
  }
}

/**
 * An operation that runs `operation`; if that fails, `error(reason, state)` instead; and whose result is what
 * `complete(promise)` makes of it.
 */
export function defer(operation, complete, error) {
  if (typeof operation !== "function") {
    throw new TypeError(`.then and .catch follow an operation, not ${operation === null ? "null" : typeof operation}`);
  }
  return async (state) => {
    const promise = attempt(operation, error, state);
    return await (complete === undefined ? promise : complete(promise));
  };
}
