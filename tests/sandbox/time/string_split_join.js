// limit: memory=64 step=300
// ends: kill timeout
// why: split caches its results; a text that differs each time misses the cache.
fn(() => {
  for (let i = 0; ; i++) `${i},${"a,".repeat(100_000)}`.split(",").join(";");
});
