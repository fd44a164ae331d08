// limit: memory=64 step=300
// ends: success | kill timeout
// why: a function that V8 calls whenever a stack is written; it must not be the job's (here: cannot be set), or must end.
fn(() => {
  try {
    Error.prepareStackTrace = () => { while (true); };
  } catch {
    // A module is strict: a fixed property cannot be assigned.
  }
  return { stack: typeof new Error("x").stack };
});
