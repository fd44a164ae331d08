// ends: fail JobError | success | fail RuntimeError
// why: `then` on Object.prototype makes a thenable of everything, also of what ours resolves promises with. (What the job itself
// awaits is the job's; it may fail by that, the host may not.)
export default [(state) => {
  Object.prototype.then = function (resolve) {
    resolve("forged");
  };
  return state;
}];
// --- next step
export default [(state) => ({ ok: typeof state })];
