// ends: fail JobError
// why: half characters in a log, a message, a name, a stack, a warning's path, an import and an event.
fn(async () => {
  console.log("\uD800", { "\uDC00": "\uD800" });
  console.table([{ "\uD800": "\uDC00" }]);
  await import("\uD800").catch(() => {});
  const error = new Error("\uD800");
  error.name = "\uDC00";
  error["\uD800"] = "\uDC00";
  throw error;
});
