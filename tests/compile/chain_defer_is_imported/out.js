import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
import { defer as later } from '@openfn/runtime';
export default [
later(get('/x'), p => p.then(a)),
];
