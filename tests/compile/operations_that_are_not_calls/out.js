import { get, fn } from "@openfn/language-common";
export * from "@openfn/language-common";
a;
a.b;
a?.();
`x`;
x => x;
new A();
a = get(1);
!get(1);
get(1), get(2);
await get(1);
void get(1);
export default [
fn(2),
];
