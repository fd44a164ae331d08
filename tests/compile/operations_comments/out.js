import { fn, get } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
// The whole job.

// First.
fn(1), // one
/* Second */ get(2), // more
// post(3);
];
