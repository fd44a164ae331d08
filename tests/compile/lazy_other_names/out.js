import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
fn($$.a, a.$, a.$.b, _$.c),
];
