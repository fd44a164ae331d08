import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
fn(state => state.pick(state.key)),
fn(state => state.a.b.pick(state.key, 1)),
];
