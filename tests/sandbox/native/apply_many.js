// ends: fail RuntimeError
// why: as many arguments as there is stack.
fn(() => ({ data: Math.max(...new Array(5_000_000).fill(1)) }));
