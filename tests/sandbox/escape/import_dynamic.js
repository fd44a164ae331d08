// ends: crash ImportError
// why: an import by a name that the compiler cannot see.
fn(() => import(["fi", "le:///etc/passwd"].join("")));
