// condition: eval("true")
// ends: crash EdgeConditionError | kill security
// why: conditions make no code of strings either. (Named by what the condition is, or by what was tried.)
fn((state) => state);
// --- next step
fn((state) => state);
