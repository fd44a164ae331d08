// limit: memory=64 step=300
// ends: kill timeout
// why: a pull() that never comes back, called by the host's stream code.
fn(() => {
  new ReadableStream({ pull() { while (true); } }).getReader().read();
});
