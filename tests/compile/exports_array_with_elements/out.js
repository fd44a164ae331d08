import { fn, get } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [get(2), s => s,
fn(1),
];
