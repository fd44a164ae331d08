// limit: memory=64 step=300
// ends: kill timeout
// why: a job that fails hands on its input as it left it: with a getter.
fn((state) => {
  Object.defineProperty(state, "data", { enumerable: true, get() { while (true); } });
  throw new Error("x");
});
