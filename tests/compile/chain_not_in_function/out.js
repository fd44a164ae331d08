import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
function later() {
  return load().then(a);
}
export default [
fn(state => {
  return fetch(state.url).then(r => r.json());
}),
fn(() => load().catch(e => e)),
];
