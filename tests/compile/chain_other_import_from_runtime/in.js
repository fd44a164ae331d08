import { other } from '@openfn/runtime';
get('/x').then(other);
