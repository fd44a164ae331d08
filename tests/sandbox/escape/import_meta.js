// ends: success
// output: {"keys":[],"resolve":"none"}
// why: import.meta says where a module is, can resolve names, and is an object of deno_core's.
fn(() => {
  const keys = Object.keys(import.meta).filter((key) => !["url", "main", "resolve"].includes(key));
  let resolve = "none";
  try {
    resolve = import.meta.resolve("file:///etc/passwd");
  } catch {
    resolve = "none";
  }
  if (/^(file|adaptor|ext|\/)/.test(String(import.meta.url))) keys.push(import.meta.url);
  return { keys, resolve };
});
