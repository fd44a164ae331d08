import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
if (a) {
  fn(1);
}
for (const x of y) fn(x);
export default [];
