import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
import { defer as _defer } from "@openfn/runtime";
const p = a => a;
export default [
_defer(get('/x'), p2 => p2.then(p)),
_defer(get('/y'), p2 => p2.then(p1 => p1)),
];
