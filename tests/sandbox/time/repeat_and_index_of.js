// limit: memory=300 step=300
// ends: kill timeout
// why: a search that compares nearly all of the needle at each place, in one builtin. A loop over
// it is not looked at either; see json_parse_huge.
fn(() => {
  const text = "a".repeat(2 ** 22);
  const needle = `${"a".repeat(2 ** 21)}b`;
  let count = 0;
  while (true) count += text.indexOf(needle) + text.lastIndexOf(needle);
});
