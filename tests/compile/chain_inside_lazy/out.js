import { fn, get } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
fn(state => ({ a: state.x, b: get('/x').then(a) })),
];
