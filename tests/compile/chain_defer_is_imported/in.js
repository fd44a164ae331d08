import { defer as later } from '@openfn/runtime';
get('/x').then(a);
