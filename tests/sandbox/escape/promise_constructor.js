// ends: success
// output: {"ok":true,"same":true,"data":{}}
// why: `await` asks each promise for its constructor; what a job puts there would run inside of ours.
export default [() => {
  "use strict";
  try {
    Object.defineProperty(Promise.prototype, "constructor", { get() { throw new Error("tampered"); } });
  } catch {
    // It cannot be redefined.
  }
  try {
    Promise.prototype.constructor = class {};
  } catch {
    // Nor assigned.
  }
  return { ok: true, same: Promise.resolve(1).constructor === Promise };
}];
// --- next step
export default [async (state) => state];
