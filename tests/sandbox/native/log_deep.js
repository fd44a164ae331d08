// ends: success
// output: {"ok":true}
// why: the console looks into a million levels, with cycles and Proxies in them.
fn(() => {
  let value = {};
  value.self = value;
  for (let i = 0; i < 1_000_000; i++) value = i % 1000 ? { value } : new Proxy({ value }, {});
  console.log(value);
  try {
    console.dir(value, { depth: Infinity });
  } catch {
    // A stack overflow is as good an answer as any.
  }
  return { ok: true };
});
