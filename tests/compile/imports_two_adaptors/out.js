import { get, fn } from "@openfn/language-http";
export * from "@openfn/language-http";
import { each } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
get(1),
each(2),
fn(3),
];
