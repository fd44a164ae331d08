// limit: memory=48
// ends: kill oom
// why: enqueue takes whatever it is given, whether anybody reads or not.
fn(() => {
  new ReadableStream({
    start(controller) {
      while (true) controller.enqueue({ row: "x" });
    },
  });
});
