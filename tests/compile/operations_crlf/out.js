import { get, fn } from "@openfn/language-common";
export * from "@openfn/language-common";
import { defer as _defer } from "@openfn/runtime";
const a = 1;
export default [
_defer(get(a), p => p
  .then(b)),
fn(2),
];
