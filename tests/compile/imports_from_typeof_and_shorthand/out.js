import { get, post } from "@openfn/language-common";
export * from "@openfn/language-common";
const a = { get };
const b = typeof post;
export default [];
