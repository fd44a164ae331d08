// limit: memory=64 step=300
// ends: kill timeout
// why: V8's old date parser over a long text, over and over.
fn(() => {
  const text = `${"(".repeat(100_000)}1`;
  while (true) Date.parse(text) + Date.parse(`1 ${"jan ".repeat(100_000)}`);
});
