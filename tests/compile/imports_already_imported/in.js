import { fn } from "@openfn/language-common";
fn(1);
get(2);
