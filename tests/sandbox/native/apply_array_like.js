// ends: fail RuntimeError
// why: Reflect.apply with 2^32 arguments that do not exist.
fn(() => Reflect.apply(() => {}, null, { length: 2 ** 32 - 1 }));
