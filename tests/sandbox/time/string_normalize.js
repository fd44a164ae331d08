// limit: memory=64 step=300
// ends: kill timeout
// why: normalisation, case and comparison by ICU; see json_parse_huge.
fn(() => {
  const text = "e\u0301\u0323".repeat(100_000);
  while (true) text.normalize("NFC").toLocaleUpperCase("tr").localeCompare(text);
});
