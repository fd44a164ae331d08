import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
const p = Promise.resolve(1);
const q = p.then(a);
export default [
fn(q),
];
