import { get, fn } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [get(state => state.url), fn(state => state.a)];
