export const execute = (...operations) => reduce(operations);
get('/x');
fn(s => s);
