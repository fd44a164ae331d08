// limit: memory=64 step=300
// ends: kill timeout
// why: imports that are refused, for ever; ending a run within one used to panic (deno#35657).
fn(async () => {
  while (true) await import("nothing").catch(() => {});
});
