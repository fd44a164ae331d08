import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
get(state => state.a.b.c.d),
];
