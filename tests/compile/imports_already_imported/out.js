import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
import { fn } from "@openfn/language-common";
export default [
fn(1),
get(2),
];
