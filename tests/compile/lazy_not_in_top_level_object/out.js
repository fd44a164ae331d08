import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
const x = { x: $.data };
export default [
fn(state => state.data),
];
