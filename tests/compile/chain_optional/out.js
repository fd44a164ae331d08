import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
import { defer as _defer } from "@openfn/runtime";
_defer(get('/x'), p => p?.then(a));
export default [];
