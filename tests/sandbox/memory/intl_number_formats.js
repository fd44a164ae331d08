// limit: memory=48 step=3000
// ends: kill oom | kill timeout
// why: objects of Intl keep ICU's memory, which is in no heap of V8's.
fn(() => {
  const kept = [];
  while (true) kept.push(new Intl.NumberFormat("de-CH", { style: "currency", currency: "CHF" }));
});
