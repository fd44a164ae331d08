import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
const a = b
;[1, 2]
export default [
fn(1),
];
