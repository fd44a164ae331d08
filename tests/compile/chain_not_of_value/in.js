const p = Promise.resolve(1);
const q = p.then(a);
fn(q);
