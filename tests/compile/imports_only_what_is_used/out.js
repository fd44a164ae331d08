import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
fn(1),
];
