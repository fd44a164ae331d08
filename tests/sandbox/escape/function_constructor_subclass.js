// ends: kill security
// why: a class that extends Function calls it through super.
fn(() => {
  class Code extends Function {
    constructor() {
      super("return globalThis");
    }
  }
  return { data: new Code()() };
});
