import { fn, get } from "@openfn/language-common";
export * from "@openfn/language-common";
const a = 1;
let b = 2;

function f() {}
export default [
fn(a),
get(b),
];
