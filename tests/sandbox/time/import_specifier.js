// limit: memory=64 step=300
// ends: kill timeout
// why: the name of an import is turned into a string by V8.
fn(() => import({ toString() { while (true); } }));
