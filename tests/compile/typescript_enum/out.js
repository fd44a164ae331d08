import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
var Color = /* @__PURE__ */ function(Color) {
  Color[Color["Red"] = 0] = "Red";
  Color["Green"] = "g";
  return Color;
}(Color || {});
export default [
fn(Color.Red),
];
