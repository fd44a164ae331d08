import { fn, get, post } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
fn(1),
get(2),
post(3),
];
