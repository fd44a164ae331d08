import { get, fn } from "@openfn/language-common";
export * from "@openfn/language-common";
import { defer as _defer } from "@openfn/runtime";
const step = _defer(get('/x'), p => p.then(a));
export default [
fn(step),
];
