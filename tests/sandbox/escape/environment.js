// ends: success
// output: {"found":[]}
// why: nothing says where the host runs: files, environment, arguments, machine.
fn(() => {
  const found = [];
  const texts = [String(import.meta.url), Intl.DateTimeFormat().resolvedOptions().timeZone, JSON.stringify(Object.getOwnPropertyDescriptors(performance))];
  for (const text of texts) if (/\/home|\/root|\/tmp|\/work|\/usr|\/etc/.test(text)) found.push(text);
  for (const name of ["process", "navigator", "location", "Deno"]) if (name in globalThis) found.push(name);
  return { found };
});
