import { get } from "@openfn/language-http";
export * from "@openfn/language-http";
import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
export const execute = (...operations) => reduce(operations);
export default [
get('/x'),
fn(s => s),
];
