// limit: memory=48 step=3000
// ends: kill oom | kill timeout
// why: a streaming decoder is an object of the host's with a buffer. (Whichever comes first.)
fn(() => {
  const kept = [];
  while (true) {
    const decoder = new TextDecoder("shift_jis");
    decoder.decode(new Uint8Array([0x81]), { stream: true });
    kept.push(decoder);
  }
});
