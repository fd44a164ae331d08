// ends: fail RuntimeError
// why: through async functions, generators and constructors.
fn(async () => {
  class Deep {
    constructor() {
      new Deep();
    }
  }
  const deep = async (depth) => [...(function* () { yield* [depth]; })()].length + (await deep(depth + 1));
  try {
    new Deep();
  } catch {
    return { data: await deep(0) };
  }
});
