import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
fn(state => state.items.map(item => item.price * state.rate)),
];
