import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
export const a = 1;
export function f() {}
export { f as g };
export default [
fn(a),
];
