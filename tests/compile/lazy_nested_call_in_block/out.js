import { fn, get } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
fn(() => {
  get(state => state.data);
}),
];
