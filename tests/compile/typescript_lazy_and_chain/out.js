import { get, post } from "@openfn/language-common";
export * from "@openfn/language-common";
import { defer as _defer } from "@openfn/runtime";
export default [
_defer(get(state => state.url), p => p.then((state) => state)),
post(state => state.data.id),
];
