// ends: fail JobError
// why: the same thrown while the module is evaluated.
let error = new Error("x");
for (let i = 0; i < 40; i++) error = new AggregateError([error, error], "x", { cause: error });
throw error;
