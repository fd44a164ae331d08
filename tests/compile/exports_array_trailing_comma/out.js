import { fn, get } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
  get(2), // two
fn(1),
];
