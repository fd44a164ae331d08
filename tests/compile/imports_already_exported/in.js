export * from "@openfn/language-common";
fn(1);
