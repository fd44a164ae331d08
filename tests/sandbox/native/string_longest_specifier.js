// ends: crash ImportError | kill oom
// events: 300
// why: an import of a long name.
fn(() => import("x".repeat(2 ** 26)));
