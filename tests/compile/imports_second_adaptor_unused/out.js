import { get, fn } from "@openfn/language-http";
export * from "@openfn/language-http";
export default [
get(1),
fn(3),
];
