// ends: success
// output: {"found":[]}
// why: Function.prototype.caller and arguments would show the host's functions.
fn(() => {
  const found = [];
  const sloppy = Object.getOwnPropertyDescriptor(Function.prototype, "caller");
  for (const target of [setTimeout, console.log, structuredClone, Array.prototype.map, fn]) {
    for (const name of ["caller", "arguments", "callee"]) {
      try {
        if (target[name] !== undefined && target[name] !== null) found.push(name);
        if (sloppy?.get?.call(target)) found.push(`get ${name}`);
      } catch {
        continue;
      }
    }
  }
  return { found };
});
