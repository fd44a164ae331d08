import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
fn(1);
export default s => s;
