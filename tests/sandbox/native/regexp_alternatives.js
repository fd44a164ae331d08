// ends: fail RuntimeError | crash RuntimeCrash | success
// why: an expression of a megabyte. (It may be too large, or not.)
fn(() => ({ ok: new RegExp(Array.from({ length: 100_000 }, (_, i) => `a${i}`).join("|")).test("b") }));
