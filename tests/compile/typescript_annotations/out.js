import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
const first = (list) => list[0];
export default [
fn((state) => ({
  ...state,
  data: first(state.data)
})),
];
