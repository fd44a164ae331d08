// limit: memory=48 step=3000
// ends: kill oom
// why: a segmenter's iterator copies its whole text into ICU's memory.
fn(() => {
  const segmenter = new Intl.Segmenter("th", { granularity: "word" });
  const text = "\u0E01\u0E02".repeat(500_000);
  const kept = [];
  while (true) kept.push(segmenter.segment(text)[Symbol.iterator]());
});
