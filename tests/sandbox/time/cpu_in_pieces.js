// limit: step=5000 cpu=300
// ends: kill cpu
// why: ten milliseconds of work and ten of sleep, over and over: the work adds up.
fn(async () => {
  while (true) {
    for (const end = Date.now() + 10; Date.now() < end; );
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});
