// ends: success
// output: {"stopped":["eval","Function","Async","Generator","AsyncGenerator","arrow"]}
// why: every way from a function to its constructor; a job may catch the refusal, but code it gets none.
fn(() => {
  const functions = {
    eval: () => eval("1"),
    Function: () => Function("return 1")(),
    Async: () => (async () => {}).constructor("return 1")(),
    Generator: () => (function* () {}).constructor("yield 1")().next(),
    AsyncGenerator: () => (async function* () {}).constructor("yield 1")().next(),
    arrow: () => (() => {}).constructor("return 1")(),
  };
  const stopped = [];
  for (const [name, run] of Object.entries(functions)) {
    try {
      run();
    } catch (error) {
      if (error instanceof EvalError) stopped.push(name);
    }
  }
  return { stopped };
});
