// ends: crash ImportError
// why: an import that stands in the job.
import fs from "node:fs";
fn(() => fs.readFileSync("/etc/passwd", "utf8"));
