import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
let A;
(function(_A) {
  const x = _A.x = 1;
})(A || (A = {}));
var B = /* @__PURE__ */ function(B) {
  B[B["C"] = 2] = "C";
  return B;
}(B || {});
export default [
fn((s) => ({
  ...s,
  x: A.x,
  c: B.C
})),
];
