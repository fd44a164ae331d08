// ends: success
// output: {"found":[]}
// why: the names that deno_core and others leave behind, by every way of asking.
fn(() => {
  const names = ["Deno", "__bootstrap", "__infra", "__fulgurite", "process", "require", "module", "global", "Buffer", "ops", "core", "primordials", "internals", "SharedArrayBuffer", "Atomics", "WebAssembly", "importScripts", "postMessage", "Worker", "gc", "d8", "print", "read", "load", "quit", "version", "queryObjects"];
  const found = names.filter((name) => name in globalThis || Reflect.get(globalThis, name) !== undefined);
  for (const name of names) if (console[name] !== undefined && name !== "print") found.push(`console.${name}`);
  return { found };
});
