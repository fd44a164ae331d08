// ends: success
// output: {"sites":"string"}
// why: call sites hand out functions and receivers of the frames below, which are the host's.
fn(() => {
  try {
    Error.prepareStackTrace = (_, sites) => sites;
  } catch {
    // A fixed property cannot be assigned.
  }
  return { sites: typeof new Error("x").stack };
});
