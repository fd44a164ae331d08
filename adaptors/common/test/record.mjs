// Asks the real package what comes of every case, and writes it into cases.json:
//
//     node record.mjs <folder in whose node_modules @openfn/language-common is installed>
//
// A case that says why it `differs` keeps our result; so does the text of an error, which is ours. It is said when the
// real package no longer differs, or ends in another way than the case says.

import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { outcome } from "./outcome.mjs";

if (!process.argv[2]) {
  console.error("say in which folder @openfn/language-common is installed");
  // Not a failure: `node --test` on this folder runs every file in it.
  process.exit(0);
}
const folder = join(resolve(process.argv[2]), "node_modules", "@openfn", "language-common");
const manifest = createRequire(import.meta.url)(join(folder, "package.json"));
const entry = pathToFileURL(join(folder, manifest.exports["."].import)).href;

const file = new URL("cases.json", import.meta.url);
const cases = JSON.parse(await readFile(file, "utf8"));
const say = process.stderr.write.bind(process.stderr);
console.log = console.warn = () => {};

for (const [i, test] of cases.entries()) {
  const real = await outcome(test, await import(`${entry}?case=${i}`));
  const agrees = "error" in real ? "error" in test : isDeepStrictEqual(real.expected, test.expected);
  if (test.differs) {
    if (agrees && "expected" in real) say(`${test.name}: does not differ\n`);
    continue;
  }
  if (agrees) continue;
  if ("expected" in test || "error" in test) say(`${test.name}: now ${JSON.stringify(real)}\n`);
  delete test.expected;
  delete test.error;
  Object.assign(test, real);
}

await writeFile(file, `[\n${cases.map((test) => `  ${JSON.stringify(test)}`).join(",\n")}\n]\n`);
say(`${cases.length} cases, ${manifest.name} ${manifest.version}\n`);
