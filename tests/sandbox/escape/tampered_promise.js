// ends: success
// output: {"ok":true}
// why: a job that replaces Promise and its methods changes nothing of ours (deno_core#742: it used to panic).
export default [(state) => {
  const nothing = () => { throw new Error("tampered"); };
  Promise.prototype.then = nothing;
  Promise.prototype.catch = nothing;
  Promise.prototype.finally = nothing;
  Promise.resolve = Promise.reject = Promise.all = nothing;
  Object.defineProperty(Promise.prototype, "constructor", { get: nothing });
  globalThis.Promise = nothing;
  return state;
}];
// --- next step
export default [async () => {
  await null;
  return { ok: true };
}];
