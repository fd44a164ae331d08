import { get, fn } from "@openfn/language-common";
export * from "@openfn/language-common";
const steps = [get(1)];
fn(1);
export default steps;
