// ends: success
// output: {"ok":true}
// why: a job that takes the console away takes it from itself; warnings of the runtime's own come all the same.
export default [() => {
  for (const name of Object.getOwnPropertyNames(console)) {
    try {
      console[name] = () => { throw new Error("tampered"); };
    } catch {
      continue;
    }
  }
  globalThis.console = undefined;
  return undefined;
}];
// --- next step
export default [() => ({ ok: true })];
