import { fn, nope } from '@openfn/language-common';
fn(s => s);
