import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
const a = 1;
export default [
get(state => state.url),
];
