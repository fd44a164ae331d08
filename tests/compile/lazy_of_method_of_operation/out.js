import { http } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
http.post(state => state.url, state => ({ body: state.data })),
];
