import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
const token = await login().then(r => r.token);
export default [
get('/x', { token }),
];
