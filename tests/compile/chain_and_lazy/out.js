import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
import { defer as _defer } from "@openfn/runtime";
export default [
_defer(get(state => state.url, state => ({ q: state.q })), p => p.then(state => state.data)),
_defer(get('/x'), p => p.then(state => state.next)),
];
