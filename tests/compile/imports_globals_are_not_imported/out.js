import { fn, each } from "a";
export * from "a";
export default [
fn(util, each),
];
