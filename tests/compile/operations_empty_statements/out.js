import { fn, get } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
fn(1),
get(2),
];
