import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
const steps = [get(1)];
export { steps as default };
