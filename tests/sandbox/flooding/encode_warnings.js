// ends: success
// logs: 21
// why: a thousand BigInts and fifty cycles are not as many warnings. (V8's fast JSON.stringify sees a cycle only when
// it is thousands of levels deep: each costs milliseconds.)
fn(() => {
  const data = Array.from({ length: 1000 }, (_, i) => BigInt(i));
  const cycles = Array.from({ length: 50 }, () => { const value = {}; value.self = value; return value; });
  return { data, cycles };
});
