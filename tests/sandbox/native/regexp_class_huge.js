// limit: step=1000
// ends: success | fail RuntimeError | crash RuntimeCrash | kill timeout
// why: character classes with all properties of Unicode, case folded, and strings of them. (Too large, or not.)
fn(() => {
  const parts = ["\\p{L}", "\\p{RGI_Emoji}", "\\p{Script=Han}", "[^\\p{ASCII}]"];
  const source = Array.from({ length: 200 }, (_, i) => `[${parts[i % 4].replace("\\p{RGI_Emoji}", "\\p{Emoji}")}--[a${i}]]`).join("");
  return { ok: new RegExp(source, "vi").test("x") };
});
