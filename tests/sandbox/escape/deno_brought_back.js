// ends: success
// output: {"asked":[]}
// why: a job defines Deno, __bootstrap and the rest itself, with getters: nothing of ours may look at them again.
fn(async () => {
  const asked = [];
  for (const name of ["Deno", "__bootstrap", "__infra", "__fulgurite"]) {
    Object.defineProperty(globalThis, name, { configurable: true, get() { asked.push(name); return undefined; } });
  }
  console.log(structuredClone({ a: 1 }), new URL("http://a.b"), new Blob(["x"]));
  await new Promise((resolve) => setTimeout(resolve, 1));
  await import("x").catch(() => {});
  return { asked };
});
