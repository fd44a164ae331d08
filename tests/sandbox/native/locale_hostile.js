// ends: fail RuntimeError
// why: names of locales that are long, or none.
fn(() => ({ data: new Intl.Locale(`en-${"x-aaaaaaaa-".repeat(100_000)}`).toString() }));
