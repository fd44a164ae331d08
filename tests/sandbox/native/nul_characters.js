// ends: success
// output: {"\u0000":"\u0000","a\u0000b":["\u0000"]}
// why: the character that ends texts in C.
fn(() => {
  console.log("\u0000", { "\u0000": 1 });
  return { "\u0000": "\u0000", "a\u0000b": ["\u0000"] };
});
