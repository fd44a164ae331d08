import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
get(state => `hello ${state.data}`),
get((state) => state.url),
get(async state => state.url),
];
