// ends: fail JobError
// why: properties that deno_core itself looks for on errors: call sites, additional keys, frames; with hostile values.
fn(() => {
  const error = new Error("x");
  for (const name of ["__callSiteEvals", "callSiteEvals", "frames", "sourceLine", "code", "fileName", "lineNumber"]) error[name] = new Proxy({}, {});
  for (const name of ["errorAdditionalPropertyKeys", "Deno.errorAdditionalPropertyKeys", "deno.errorAdditionalPropertyKeys", "Deno.customInspect", "Deno.privateCustomInspect", "nodejs.util.inspect.custom"]) {
    error[Symbol.for(name)] = [1, Symbol("x"), null, { toString() { throw new Error("y"); } }, new Proxy([], {})];
  }
  error.errors = { length: 2 ** 32, 0: 1 };
  error.cause = Symbol("x");
  error.stack = { toString: () => "x" };
  throw error;
});
