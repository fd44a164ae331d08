import { get, dataPath } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
get("$.a.b"),
dataPath("$"),
];
