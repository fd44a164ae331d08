import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
get(state => cities[state.data.city]),
];
