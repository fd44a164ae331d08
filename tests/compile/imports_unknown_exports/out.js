import { createMap, ErrorHandler, upsert } from "./my adaptor's \"one\".js";
export * from "./my adaptor's \"one\".js";
import { defer as _defer } from "@openfn/runtime";
export default [
createMap(new Map(), ErrorHandler, Error, arguments, undefined, JSON, fetch, state => state.a, state),
_defer(upsert(state => state.data), p => p.then(console.log)),
];
