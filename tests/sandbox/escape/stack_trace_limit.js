// ends: success
// output: {"leaked":false}
// why: a longer stack shows the frames of the host below the job's.
fn(async () => {
  Error.stackTraceLimit = Infinity;
  const stacks = [new Error("x").stack];
  await new Promise((resolve) => setTimeout(() => resolve(stacks.push(new Error("y").stack)), 1));
  try {
    structuredClone(() => {});
  } catch (error) {
    stacks.push(String(error.stack));
  }
  try {
    new URL("::");
  } catch (error) {
    stacks.push(String(error.stack));
  }
  return { leaked: /ext:|fulgurite:|\.rs\b/.test(stacks.join("\n")) };
});
