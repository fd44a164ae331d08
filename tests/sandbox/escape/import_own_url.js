// ends: success
// output: {"imported":[]}
// why: a job that imports its own URL, or that of the step before, gets at another instance's variables.
fn(async (state) => {
  globalThis.urls = [import.meta.url];
  return state;
});
// --- next step
fn(async () => {
  const imported = [];
  for (const url of [...globalThis.urls, import.meta.url, `${import.meta.url}#x`, new URL("./x", import.meta.url).href]) {
    try {
      await import(url);
      imported.push(url);
    } catch {
      continue;
    }
  }
  return { imported };
});
