import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
import { defer as _defer } from "@openfn/runtime";
export default [
_defer(get('/x', /* why */ state => state.q), p => p // there
  .then(a), e => e), // done
];
