import { http, util } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
http.get('/x'),
util.a.b(1),
];
