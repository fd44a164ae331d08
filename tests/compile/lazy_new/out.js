import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
fn(state => new Date(state.data.date)),
];
