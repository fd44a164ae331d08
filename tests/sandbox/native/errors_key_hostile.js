// ends: fail JobError | success
// why: `errors` on the state is read by the runtime to find failures that a job put there itself.
fn(() => ({ errors: { job: { name: 7, message: { a: 1 }, stack: [] }, __proto__: { x: 1 }, "": null } }));
