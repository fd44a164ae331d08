// limit: memory=64 step=300
// ends: kill timeout
// why: the console reads what it is given: inspect functions, getters, Proxies, toString.
fn(() => {
  console.log("%s %d", { toString() { while (true); } }, { valueOf() { while (true); } });
  console.log({ [Symbol.for("Deno.customInspect")]() { while (true); } });
  console.log({ get [Symbol.toStringTag]() { while (true); } });
});
