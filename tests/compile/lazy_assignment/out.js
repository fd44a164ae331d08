import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
fn(state => state.count = state.count + 1),
fn(state => state.count++),
];
