// ends: success
// output: {"imported":[]}
// why: types of modules besides JavaScript: JSON, text and bytes would be files.
fn(async () => {
  const imported = [];
  for (const type of ["json", "text", "bytes", "css", "wasm", "webassembly"]) {
    for (const name of ["file:///etc/hostname", "common", "@openfn/language-common", "@openfn/runtime"]) {
      try {
        await import(name, { with: { type } });
        imported.push(`${name} as ${type}`);
      } catch {
        continue;
      }
    }
  }
  return { imported };
});
