// limit: memory=64 step=500
// ends: kill timeout
// why: the machine's randomness, as fast as it comes.
fn(() => {
  const bytes = new Uint8Array(65536);
  while (true) crypto.getRandomValues(bytes);
});
