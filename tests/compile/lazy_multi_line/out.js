import { post } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
post(
  '/x',
  state => ({
    // the id
    id: state.data.id,
  }),
),
];
