import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
import { defer as _defer } from "@openfn/runtime";
export default [
_defer(get('/x'), p => p.then(state => state)),
];
