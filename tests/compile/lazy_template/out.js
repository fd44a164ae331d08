import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
get(state => `hello ${state.first} ${state.last}`),
];
