// limit: memory=64 step=300
// ends: kill timeout
// why: a URLPattern is a regular expression of the job's, run by code of the host's.
fn(() => {
  const pattern = new URLPattern({ pathname: "/:x((?:a+)+)b" });
  return { found: pattern.test({ pathname: `/${"a".repeat(60)}` }) };
});
