// ends: fail RuntimeError | kill oom
// why: a pattern of 8 MB becomes 50 times as much in the host's parser, which no limit sees and no order stops. (Refused by its
// length, or by a budget.)
fn(() => ({ ok: new URLPattern({ pathname: "x".repeat(2 ** 23) }).test("x") }));
