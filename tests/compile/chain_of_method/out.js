import { http } from "@openfn/language-common";
export * from "@openfn/language-common";
import { defer as _defer } from "@openfn/runtime";
export default [
_defer(http.get('/x'), p => p.then(a)),
_defer(http.get('/x').other(), p => p.then(a)),
];
