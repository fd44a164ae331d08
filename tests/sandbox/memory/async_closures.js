// limit: memory=48
// ends: kill oom
// why: async functions that wait for ever and hold what they have.
fn(async () => {
  const never = new Promise(() => {});
  const wait = async (i) => {
    const large = new Array(100).fill(i);
    await never;
    return large;
  };
  const kept = [];
  for (let i = 0; ; i++) {
    kept.push(wait(i));
    if (i % 1000 === 0) await null;
  }
});
