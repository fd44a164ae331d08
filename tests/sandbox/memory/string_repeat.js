// limit: memory=48 step=3000
// ends: kill oom
// why: repeat() makes a rope that costs nothing; reading one character of it makes 256 MB of it at once.
// V8 lets one object of any size into its young space of large objects, so that its own limit never sees it.
fn(() => {
  const text = "x".repeat(2 ** 28);
  return { character: text[12345] };
});
