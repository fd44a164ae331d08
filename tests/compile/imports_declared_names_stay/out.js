import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
const get = 1;
function post() {}
import { each } from './own.js';
export default [
fn(get, post, each),
];
