import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
import { defer as _defer1 } from "@openfn/runtime";
const _defer = 1;
export default [
_defer1(get('/x'), p => p.then(_defer)),
];
