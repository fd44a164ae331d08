// limit: memory=64 step=300
// ends: kill timeout
// why: break iterators with a dictionary, in ICU.
fn(() => {
  const text = "\u0E01\u0E32\u0E23\u0E41\u0E1A\u0E48\u0E07".repeat(50_000);
  const segmenter = new Intl.Segmenter("th", { granularity: "word" });
  let count = 0;
  while (true) for (const _ of segmenter.segment(text)) count++;
});
