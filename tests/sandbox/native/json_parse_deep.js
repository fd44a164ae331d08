// ends: success | fail RuntimeError
// why: JSON.parse of a million brackets (isolated-vm parser-overflow). (V8 may call it a stack overflow.)
fn(() => ({ ok: JSON.parse("[".repeat(1_000_000) + "]".repeat(1_000_000)).length }));
