import { fn, each } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
fn(a.get, { post: 1, each }),
];
