// ends: fail RuntimeError
// why: a timer given a text is eval by another name.
fn(() => setTimeout("globalThis.hacked = 1", 0));
