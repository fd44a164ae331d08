// ends: fail RuntimeError
// why: the same with an object that becomes a text.
fn(() => setInterval({ toString: () => "1" }, 0));
