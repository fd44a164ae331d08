// ends: success
// output: {"imported":[]}
// why: everything that an import could bring in but the adaptors of the step.
fn(async () => {
  const imported = [];
  const names = [
    "node:fs", "fs", "node:process", "node:child_process", "node:vm", "npm:left-pad", "jsr:@std/fs", "ext:core/mod.js", "ext:core/ops", "ext:core/primordials",
    "ext:fulgurite/10_world.js", "ext:fulgurite/99_lockdown.js", "ext:deno_web/00_url.js", "checkin:x", "deno:core", "file:///etc/passwd", "/etc/passwd", "./x.js",
    "../../x.js", ".", "", "data:text/javascript,export default 1", "data:application/json,1", "blob:null/x", "http://127.0.0.1/x.js", "https://example.org/x.js", "job://1/step",
    "adaptor://0/0/common", "adaptor://0/0/index.js", "adaptor://1/0/index.js", "fulgurite:runtime", "fulgurite:x", "builtin:x", "chrome://x", "wasm:x", "@openfn/language-http",
    "__proto__", "constructor", "toString", "\u0000", "common\u0000", "common/", "common?x", "COMMON", " common",
  ];
  for (const name of names) {
    try {
      await import(name);
      imported.push(name);
    } catch (error) {
      if (!/imports the adaptors of its step and nothing else/.test(error.message)) imported.push(`${name}: ${error.message}`);
    }
  }
  return { imported };
});
