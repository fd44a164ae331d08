import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
'use strict';
export default [
fn(1),
];
