// ends: fail RuntimeError | crash RuntimeCrash
// why: the parser and the compiler of regular expressions recurse. (A SyntaxError "too large" is a crash by its class.)
fn(() => ({ ok: new RegExp("(".repeat(200_000) + ")".repeat(200_000)).test("x") }));
