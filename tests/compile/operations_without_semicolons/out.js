import { fn, get, post } from "@openfn/language-common";
export * from "@openfn/language-common";
const a = 1
let b
export default [
fn(a),
get(a),
post(b),
];
