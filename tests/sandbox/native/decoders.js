// ends: success
// output: {"ok":true}
// why: every encoding with broken bytes, streamed in odd pieces, after an error, with the byte order mark cut.
fn(() => {
  for (const label of ["utf-8", "utf-16le", "utf-16be", "shift_jis", "euc-jp", "iso-2022-jp", "gbk", "gb18030", "big5", "euc-kr", "windows-1252", "x-user-defined", "koi8-r", "macintosh"]) {
    for (const fatal of [false, true]) {
      const decoder = new TextDecoder(label, { fatal, ignoreBOM: fatal });
      for (let i = 0; i < 200; i++) {
        try {
          decoder.decode(crypto.getRandomValues(new Uint8Array(i % 7)), { stream: i % 5 !== 0 });
        } catch {
          continue;
        }
      }
    }
  }
  return { ok: true };
});
