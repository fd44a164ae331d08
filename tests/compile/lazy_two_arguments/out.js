import { post } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
post(state => state.url, state => state.data),
];
