// ends: fail JobError
// why: Error and its prototype replaced before the host describes an error.
export default [() => {
  Error.prototype.name = { toString() { throw 1; } };
  Object.defineProperty(Error.prototype, "message", { get() { throw 2; } });
  Error.captureStackTrace = () => { throw 3; };
  Error.stackTraceLimit = { valueOf() { throw 4; } };
  throw new Error("x");
}];
