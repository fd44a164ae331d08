export const a = 1;
export function f() {}
fn(a);
export { f as g };
