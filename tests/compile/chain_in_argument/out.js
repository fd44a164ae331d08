import { each, post, fn, get } from "@openfn/language-common";
export * from "@openfn/language-common";
import { defer as _defer } from "@openfn/runtime";
export default [
each('$.data[*]', _defer(post('/x', state => state.data), p => p.then(s => s))),
fn(_defer(get('/x'), undefined, a)),
];
