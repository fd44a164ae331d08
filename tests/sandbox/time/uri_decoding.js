// limit: memory=64 step=300
// ends: kill timeout
// why: decodeURIComponent, escape and unescape over long texts.
fn(() => {
  const text = "%C3%A9".repeat(100_000);
  while (true) escape(decodeURIComponent(text));
});
