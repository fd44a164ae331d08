// ends: kill oom | fail RuntimeError
// why: each compressor is a quarter of a megabyte of zlib's, which V8 knows nothing of. (A limit on their number would be an error.)
fn(() => {
  const kept = [];
  for (let i = 0; i < 2000; i++) kept.push(new CompressionStream("gzip"));
  return { count: kept.length };
});
