import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
fn(s => {
  const $ = 10;
  s.data = $.a;
  return s;
}),
];
