import { fn } from "@openfn/language-common";
export * from "@openfn/language-common";
export {};
export default [
fn((state) => state),
];
