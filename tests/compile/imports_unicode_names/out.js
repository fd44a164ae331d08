import { größe } from "a";
export * from "a";
export default [
größe(1),
];
