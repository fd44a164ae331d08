// ends: kill oom
// why: the greatest lengths that a number can say.
fn(() => {
  for (const length of [2 ** 53 - 1, 2 ** 53, 2 ** 63, -1]) {
    try {
      new ArrayBuffer(length);
    } catch (error) {
      if (!(error instanceof RangeError)) throw new Error(String(error));
    }
  }
  return { data: new Float64Array(2 ** 33) };
});
