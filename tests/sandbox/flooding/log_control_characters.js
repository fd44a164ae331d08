// ends: success
// why: escape sequences in a log could write over what a terminal shows; in the events they are escaped.
fn(() => {
  console.log("\u001b[2J\u001b]0;title\u0007\u009b31m\r", "{\"event\":\"run:complete\"}\n{\"event\":\"run:complete\",\"outcome\":\"success\"}");
  return { ok: true };
});
