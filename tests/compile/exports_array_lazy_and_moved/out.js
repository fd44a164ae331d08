import { get, fn } from "@openfn/language-common";
export * from "@openfn/language-common";
import { defer as _defer } from "@openfn/runtime";
export default [fn(state => state.c),
_defer(get(state => state.a), p => p.then(b)),
]
