// Makes state.json from the earthquakes that the npm package vega-datasets carries. Nobody needs it to run the example: the
// file it makes is committed. It says where every byte comes from. Needs node with npm, and tar.
//
//   node make-data.mjs
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PACKAGE = "vega-datasets@3.2.1";
// As in the package's datapackage.json, which gives git's hash of the file.
const HASH = "ed4c47436c09d5cc5f428c233fbd8074c0346fd0";

const folder = mkdtempSync(join(tmpdir(), "earthquakes-"));
try {
  const inFolder = { cwd: folder, encoding: "utf8" };
  const archive = execFileSync("npm", ["pack", "--silent", PACKAGE], inFolder).trim();
  execFileSync("tar", ["xzf", archive, "package/data/earthquakes.json"], inFolder);
  const data = readFileSync(join(folder, "package/data/earthquakes.json"));

  const hash = createHash("sha1").update(`blob ${data.length}\0`).update(data).digest("hex");
  if (hash !== HASH) throw new Error(`earthquakes.json of ${PACKAGE} has the hash ${hash}, not ${HASH}`);

  // The bytes of the file as they are, not parsed and written again.
  writeFileSync(new URL("state.json", import.meta.url), Buffer.concat([Buffer.from('{"data":'), data, Buffer.from("}\n")]));
} finally {
  rmSync(folder, { recursive: true });
}
