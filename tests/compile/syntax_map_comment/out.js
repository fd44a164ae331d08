import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
fn(s => ({ ...s, data: 'x //# sourceMappingURL=y' })),
//# sourceMappingURL data:application/json;base64,e30=
];
