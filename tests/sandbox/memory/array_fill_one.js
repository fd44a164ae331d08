// limit: memory=48
// ends: kill oom | fail RuntimeError
// why: one array of 16 million elements is one allocation in V8's large object space, twice the limit. (V8 may
// refuse a single length by itself, with a RangeError.)
fn(() => {
  const all = new Array(16_000_000).fill(1.5);
  return { length: all.length };
});
